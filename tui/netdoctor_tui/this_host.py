"""Answers out of the running machine: each question reads anew what it needs."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from netdoctor_tui.live.focus import focus_of
from netdoctor_tui.live.passing import Met, Passed, hops, rules_met
from netdoctor_tui.source import Answer, Inventory, Told

if TYPE_CHECKING:
    from netdoctor.endpoints import Request
    from netdoctor.facts.host import Missing, NamespaceFacts
    from netdoctor.facts.observed import Observation, Sighting
    from netdoctor.facts.traced import TraceEvent
    from netdoctor.report import NamespaceRef, Report
    from netdoctor.watch import Plan
    from netdoctor_tui.live.asked_host import AskedHost

# What asks the kernel is imported where it is asked: the first picture is drawn meanwhile.


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
        from netdoctor.collect.live import LiveHost
        from netdoctor_tui.inventory import inventory_of

        with LiveHost() as host:
            return inventory_of(host, told, devices=devices)

    def ask(self, request: Request, told: Told, *, probe: bool, passed: Passed | None = None) -> Answer:
        """See `Source.ask`."""
        from netdoctor.collect.namespaces import net_inode
        from netdoctor.collect.witness import Witness
        from netdoctor.diagnosis import diagnose
        from netdoctor.endpoints import resolve
        from netdoctor_tui.live.asked_host import AskedHost, interruptible

        with interruptible(), AskedHost(told) as host:
            host.say("looking for the two ends")
            question = resolve(host, request, net_inode)
            host.say("walking the packet")
            observer = _observer(host, passed) if probe else None
            report = diagnose(host, question, Witness(host), observer)
            return Answer(report, request, focus_of(host, question, report))

    def additions(self, request: Request, told: Told) -> list[str]:
        """Say what `trace` would put in place for this question and take away again. Raises as `ask`, and OSError."""
        from netdoctor.collect.namespaces import net_inode
        from netdoctor.endpoints import resolve
        from netdoctor.live_trace import additions
        from netdoctor_tui.live.asked_host import AskedHost, interruptible

        with interruptible(), AskedHost(told) as host:
            host.say("looking for rules on the way")
            return additions(host, resolve(host, request, net_inode), False)

    def trace(self, request: Request, told: Told, say: Callable[[str], None], met: Met) -> Answer:
        """Answer a question, and have the kernel tell which rules a real packet meets; that changes the system.

        `say` is told what is put in place and taken away, `met` of the rules as the packet meets them.
        """
        from netdoctor.collect.namespaces import net_inode
        from netdoctor.collect.witness import Witness
        from netdoctor.diagnosis import diagnose
        from netdoctor.endpoints import resolve
        from netdoctor.live_trace import with_live_trace
        from netdoctor_tui.live.asked_host import AskedHost, interruptible

        with interruptible(), AskedHost(told) as host:
            host.say("walking the packet")
            question = resolve(host, request, net_inode)
            report = diagnose(host, question, Witness(host))
            host.say("tracing a packet")

            def tell(events: Sequence[TraceEvent]) -> None:
                host.beat()
                if events:
                    met(rules_met(host, events))

            report = with_live_trace(report, host, question, False, say, tell)
            return Answer(report, request, focus_of(host, question, report))

    def facts(self, host: str | None, namespace: NamespaceRef, told: Told) -> NamespaceFacts | None:
        """See `Source.facts`: as they are now, not as they were when the question was answered."""
        from netdoctor.collect.live import LiveHost

        if namespace.inode is None:
            return None
        with LiveHost() as machine:
            told(f"reading {namespace.name}")
            found = machine.namespace(namespace.inode)
            return found.facts() if found is not None else None

    def everything(self, told: Told) -> tuple[tuple[NamespaceFacts, ...], tuple[str, ...]]:
        """See `Source.everything`."""
        from netdoctor.collect.live import LiveHost
        from netdoctor.snapshot import take

        with LiveHost() as host:
            told("reading every namespace, to know all names")
            return take(host).namespaces, (host.name,)


def _observer(
    host: AskedHost, passed: Passed | None
) -> Callable[[Plan], tuple[Observation | None, tuple[Missing, ...]]]:
    """What sends the packets, and tells of them as they go."""
    from netdoctor.probe.run import observe

    def seen(sightings: Sequence[Sighting]) -> None:
        host.beat()
        if sightings and passed is not None:
            passed(hops(host, sightings))

    def send(plan: Plan) -> tuple[Observation | None, tuple[Missing, ...]]:
        host.say("sending packets")
        return observe(host, plan, tell=seen)

    return send
