"""Entries that are taken out of the connection table: the next packet begins a connection anew (conntrack(8))."""

from __future__ import annotations

from netdoctor.facts.connections import Entry
from netdoctor.facts.host import Namespace
from netdoctor.facts.overlay import Draft
from netdoctor.fix import command
from netdoctor.fix.allowed import PROTOCOLS
from netdoctor.fix.change import Change
from netdoctor.fix.command import Argv


class ForgetConnection(Change, frozen=True):
    """Delete the entry; the rules then decide anew about its next packet."""

    entry: Entry

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        draft.forgotten.add(self.entry)

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        return [command.enter(ns.id, ("conntrack", "-D", *words(self.entry)))]


def words(entry: Entry) -> tuple[str, ...]:
    """Return the options of conntrack(8) that mean this entry."""
    ports = ("--sport", str(entry.sport), "--dport", str(entry.dport))
    zone = ("-w", str(entry.zone)) if entry.zone else ()
    return ("-p", PROTOCOLS.get(entry.proto, str(entry.proto)), "-s", entry.src, "-d", entry.dst, *ports, *zone)
