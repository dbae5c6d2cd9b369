"""Changes that make the kernel forget what it learned under the old state of things."""

from __future__ import annotations

from netdoctor.facts.host import Namespace
from netdoctor.facts.overlay import Draft
from netdoctor.facts.records import NUD_FIXED
from netdoctor.fix import command
from netdoctor.fix.change import Change
from netdoctor.fix.command import Argv
from netdoctor.fix.layer2 import name_of


class FlushNeighbour(Change, frozen=True):
    """Forget what was learned of a neighbour, if anything was; permanent entries stay (ip-neighbour(8), flush)."""

    ifindex: int
    dst: str

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        key = (self.ifindex, self.dst)
        kept = (n for n in draft.neighbours if (n.ifindex, n.dst) != key or n.state in NUD_FIXED or n.proxy)
        draft.neighbours = tuple(kept)

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        return [command.ip(ns.id, "neigh", "flush", "to", self.dst, "dev", name_of(ns, self.ifindex))]


class FlushRouteCache(Change, frozen=True):
    """Forget the path MTUs that ICMP has taught (net/ipv4/route.c, nexthop exceptions)."""

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`. The facts hold no exceptions."""

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        return [command.ip(ns.id, "route", "flush", "cache")]
