"""A rule that gives what leaves by a device another source (iptables-extensions(8) MASQUERADE and SNAT, nft(8))."""

from __future__ import annotations

from typing import Any

from netdoctor.facts.host import Namespace
from netdoctor.facts.overlay import Draft
from netdoctor.fix import command
from netdoctor.fix.change import Change
from netdoctor.fix.command import Argv
from netdoctor.fix.firewall import New, Spot, edit, native, tool


class Masquerade(Change, frozen=True):
    """Packets from `source` (a prefix) that leave by `oif` get its address, or the address `to`.

    The rule goes before the one at `spot`, or to the end of the chain where that has no number. `destination` is the
    one address that it is for; None is any.
    """

    spot: Spot
    source: str
    oif: str
    destination: str | None = None
    to: str | None = None

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        line = " ".join(["-A", self.spot.chain, *self._xt_words()])
        edit(draft, self.spot, New(line, self._expressions()), keep=True)

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        spot = self.spot
        if native(ns, spot):
            verb = "insert" if spot.number is not None else "add"
            position = ["position", str(spot.handle)] if spot.handle else []
            place = (spot.family, spot.table, spot.chain)
            return [command.enter(ns.id, ("nft", verb, "rule", *place, *position, *self._nft_words()))]
        where = ["-I", spot.chain, str(spot.number)] if spot.number is not None else ["-A", spot.chain]
        return [command.enter(ns.id, (tool(spot), "-t", spot.table, *where, *self._xt_words()))]

    def _xt_words(self) -> list[str]:
        only = ["-d", f"{self.destination}/32"] if self.destination else []
        target = ["SNAT", "--to-source", self.to] if self.to else ["MASQUERADE"]
        return ["-s", self.source, *only, "-o", self.oif, "-j", *target]

    def _nft_words(self) -> list[str]:
        only = ["ip", "daddr", self.destination] if self.destination else []
        target = ["snat", "ip", "to", self.to] if self.to else ["masquerade"]
        return ["ip", "saddr", self.source, *only, "oifname", self.oif, *target]

    def _expressions(self) -> list[dict[str, Any]]:
        network, bits = self.source.split("/")
        prefix: object = {"prefix": {"addr": network, "len": int(bits)}} if bits != "32" else network
        found = [_equals({"payload": {"protocol": "ip", "field": "saddr"}}, prefix)]
        if self.destination:
            found.append(_equals({"payload": {"protocol": "ip", "field": "daddr"}}, self.destination))
        found.append(_equals({"meta": {"key": "oifname"}}, self.oif))
        return [*found, {"snat": {"family": "ip", "addr": self.to}} if self.to else {"masquerade": None}]


def _equals(left: dict[str, Any], right: object) -> dict[str, Any]:
    return {"match": {"op": "==", "left": left, "right": right}}
