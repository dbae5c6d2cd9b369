"""A rule that gives what leaves by a device the device's own address (iptables-extensions(8) MASQUERADE, nft(8))."""

from __future__ import annotations

from netdoctor.facts.host import Namespace
from netdoctor.facts.overlay import Draft
from netdoctor.fix import command
from netdoctor.fix.change import Change
from netdoctor.fix.command import Argv
from netdoctor.fix.firewall import New, Spot, edit, native, tool


class Masquerade(Change, frozen=True):
    """Append to the chain at `spot`: packets from `source` (a prefix) that leave by `oif` get its address."""

    spot: Spot
    source: str
    oif: str

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        network, bits = self.source.split("/")
        payload = {"payload": {"protocol": "ip", "field": "saddr"}}
        prefix: object = {"prefix": {"addr": network, "len": int(bits)}} if bits != "32" else network
        expr: list[dict[str, object]] = [
            {"match": {"op": "==", "left": payload, "right": prefix}},
            {"match": {"op": "==", "left": {"meta": {"key": "oifname"}}, "right": self.oif}},
            {"masquerade": None},
        ]
        line = f"-A {self.spot.chain} -s {self.source} -o {self.oif} -j MASQUERADE"
        edit(draft, self.spot, New(line, expr), keep=True)

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        spot = self.spot
        if native(ns, spot):
            rule = ("ip", "saddr", self.source, "oifname", self.oif, "masquerade")
            return [command.enter(ns.id, ("nft", "add", "rule", spot.family, spot.table, spot.chain, *rule))]
        rule = ("-s", self.source, "-o", self.oif, "-j", "MASQUERADE")
        return [command.enter(ns.id, (tool(spot), "-t", spot.table, "-A", spot.chain, *rule))]
