"""Answers out of the running machine: each question reads anew what it needs."""

from __future__ import annotations

import os

from netdoctor.collect.live import LiveHost
from netdoctor.collect.namespaces import net_inode
from netdoctor.collect.witness import Witness
from netdoctor.diagnosis import diagnose
from netdoctor.endpoints import Request, resolve
from netdoctor.facts.host import NamespaceFacts
from netdoctor.report import NamespaceRef, Report
from netdoctor_tui.inventory import inventory_of
from netdoctor_tui.source import Answer, Inventory, Told


class ThisHost:
    """The machine that this program runs on. Each call opens sockets of its own thread and closes them."""

    live = True
    saved: Report | None = None

    @property
    def name(self) -> str:
        """See `Source.name`."""
        return os.uname().nodename

    def inventory(self, told: Told, *, devices: bool) -> Inventory:
        """See `Source.inventory`."""
        with LiveHost() as host:
            return inventory_of(host, told, devices=devices)

    def ask(self, request: Request, told: Told, *, probe: bool) -> Answer:
        """See `Source.ask`."""
        with LiveHost() as host:
            told("looking for the two ends")
            question = resolve(host, request, net_inode)
            told("walking the packet")
            if not probe:
                return Answer(diagnose(host, question, Witness(host)), request)
            from netdoctor.probe.run import observe

            told("sending packets")
            return Answer(
                diagnose(host, question, Witness(host), lambda plan: observe(host, plan)), request
            )

    def facts(self, host: str | None, namespace: NamespaceRef, told: Told) -> NamespaceFacts | None:
        """See `Source.facts`: as they are now, not as they were when the question was answered."""
        if namespace.inode is None:
            return None
        with LiveHost() as machine:
            told(f"reading {namespace.name}")
            found = machine.namespace(namespace.inode)
            return found.facts() if found is not None else None
