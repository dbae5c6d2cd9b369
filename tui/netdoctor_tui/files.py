"""Answers out of files: a saved report, which is all there is to see, and snapshots, which can be asked anything."""

from __future__ import annotations

import os

from netdoctor.collection import host_of_all, load_all
from netdoctor.diagnosis import diagnose
from netdoctor.document import DocumentError
from netdoctor.endpoints import Request, resolve
from netdoctor.errors import UsageError
from netdoctor.facts.fleet import host_of, own_inode
from netdoctor.facts.host import Host, NamespaceFacts
from netdoctor.report import NamespaceRef, Report, load
from netdoctor.snapshot import SnapshotError
from netdoctor_tui.inventory import inventory_of
from netdoctor_tui.live.passing import Passed
from netdoctor_tui.privacy import spoken_of
from netdoctor_tui.source import Answer, Inventory, Source, Told


class ReportSource:
    """A saved report: one answer, and no facts beside it."""

    live = False

    def __init__(self, name: str, report: Report) -> None:
        self.name = name
        self.saved: Report | None = report

    def inventory(self, told: Told, *, devices: bool) -> Inventory:
        """See `Source.inventory`: a report has none."""
        return Inventory(())

    def ask(self, request: Request, told: Told, *, probe: bool, passed: Passed | None = None) -> Answer:
        """See `Source.ask`: always a UsageError."""
        raise UsageError("a saved report answers one question only; open a snapshot to ask others")

    def facts(self, host: str | None, namespace: NamespaceRef, told: Told) -> NamespaceFacts | None:
        """See `Source.facts`: a report has none."""
        return None

    def everything(self, told: Told) -> tuple[tuple[NamespaceFacts, ...], tuple[str, ...]]:
        """See `Source.everything`: what the report itself names."""
        return spoken_of(self.saved) if self.saved is not None else ((), ())


class SnapshotSource:
    """Snapshots of one or several hosts."""

    live = False
    saved: Report | None = None

    def __init__(self, name: str, host: Host) -> None:
        self.name = name
        self._host = host

    def inventory(self, told: Told, *, devices: bool) -> Inventory:
        """See `Source.inventory`."""
        return inventory_of(self._host, told, devices=devices)

    def ask(self, request: Request, told: Told, *, probe: bool, passed: Passed | None = None) -> Answer:
        """See `Source.ask`. Nothing is sent from a snapshot."""
        told("walking the packet")
        return Answer(diagnose(self._host, resolve(self._host, request)), request)

    def facts(self, host: str | None, namespace: NamespaceRef, told: Told) -> NamespaceFacts | None:
        """See `Source.facts`."""
        for known in self._host.namespaces():
            if own_inode(known) == namespace.inode and host_of(known) in (None, host):
                found = self._host.namespace(known.inode)
                return found.facts() if found is not None else None
        return None

    def everything(self, told: Told) -> tuple[tuple[NamespaceFacts, ...], tuple[str, ...]]:
        """See `Source.everything`."""
        known = self._host.namespaces()
        found = tuple(ns.facts() for one in known if (ns := self._host.namespace(one.inode)) is not None)
        return found, tuple(sorted({host_of(one) or self._host.name for one in known}))


def open_files(paths: list[str]) -> Source:
    """Open one saved report, or snapshots of any number of hosts. Raises UsageError for what is neither."""
    name = os.path.basename(paths[0].rstrip("/")) + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")
    if len(paths) == 1 and (report := _report(paths[0])) is not None:
        return ReportSource(name, report)
    try:
        return SnapshotSource(name, host_of_all(load_all(paths)))
    except SnapshotError as error:
        raise UsageError(str(error)) from error


def _report(path: str) -> Report | None:
    """The report in a file; None where it is something else, which whoever reads snapshots will complain of."""
    if os.path.isdir(path):
        return None
    try:
        return load(path)
    except DocumentError as error:
        if "is not a netdoctor report" in str(error) or "is not JSON" in str(error):
            return None
        raise UsageError(str(error)) from error
