"""Changes of rules: insert one that accepts, or delete one, in the table and backend where the packet met it.

The facts keep rules as the tools print them, so the change is made in that text, and the same words make it for real.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

from msgspec.structs import replace

from netdoctor.facts.firewall import FirewallText
from netdoctor.facts.host import Namespace
from netdoctor.facts.links import Record
from netdoctor.facts.overlay import Draft
from netdoctor.fix import command
from netdoctor.fix.change import Change
from netdoctor.fix.command import Argv

PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp"}
_COUNTERS = re.compile(r"^\[\d+:\d+\] ")


class Spot(Record, frozen=True):
    """A rule's place: backend, family, table, chain; `number` from 1 (None: the end of the chain), `handle` of nft's."""

    backend: str
    family: str
    table: str
    chain: str
    number: int | None = None
    handle: int | None = None


class Allowed(Record, frozen=True):
    """What a new rule accepts: packets between two addresses of one protocol (and port), or the answers to them."""

    src: str
    dst: str
    proto: int
    dport: int | None = None
    established: bool = False

    def xt_words(self) -> list[str]:
        """The match in iptables' words."""
        words = ["-s", f"{self.src}/32", "-d", f"{self.dst}/32", "-p", PROTOCOLS[self.proto]]
        if self.dport is not None and self.proto != 1:
            words += ["-m", PROTOCOLS[self.proto], "--dport", str(self.dport)]
        if self.established:
            words += ["-m", "conntrack", "--ctstate", "ESTABLISHED"]
        return [*words, "-j", "ACCEPT"]

    def nft_words(self) -> list[str]:
        """The rule in nft's words."""
        words = ["ip", "saddr", self.src, "ip", "daddr", self.dst]
        name = PROTOCOLS[self.proto]
        ported = self.dport is not None and self.proto != 1
        words += [name, "dport", str(self.dport)] if ported else ["ip", "protocol", name]
        words += ["ct", "state", "established"] if self.established else []
        return [*words, "accept"]

    def nft_expressions(self) -> list[dict[str, Any]]:
        """The rule as libnftables-json(5) has it."""
        name = PROTOCOLS[self.proto]
        found = [
            _equals({"payload": {"protocol": "ip", "field": "saddr"}}, self.src),
            _equals({"payload": {"protocol": "ip", "field": "daddr"}}, self.dst),
        ]
        if self.dport is not None and self.proto != 1:
            found.append(_equals({"payload": {"protocol": name, "field": "dport"}}, self.dport))
        else:
            found.append(_equals({"payload": {"protocol": "ip", "field": "protocol"}}, name))
        if self.established:
            found.append({"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": "established"}})
        return [*found, {"accept": None}]


def _equals(left: dict[str, Any], right: object) -> dict[str, Any]:
    return {"match": {"op": "==", "left": left, "right": right}}


class AllowBefore(Change, frozen=True):
    """Insert a rule that accepts before the one at `spot`, or at the end of the chain where that has no number."""

    spot: Spot
    allowed: Allowed

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        _edit(draft, self.spot, lambda text: _inserted(text, self.spot, self.allowed))

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        spot = self.spot
        if _native(ns, spot):
            position = ["position", str(spot.handle)] if spot.handle is not None else []
            verb = "insert" if position else "add"
            words = ("nft", verb, "rule", spot.family, spot.table, spot.chain, *position, *self.allowed.nft_words())
            return [command.enter(ns.id, words)]
        where = ["-I", spot.chain, str(spot.number)] if spot.number is not None else ["-A", spot.chain]
        return [command.enter(ns.id, (tool(spot), "-t", spot.table, *where, *self.allowed.xt_words()))]


class DeleteFirewallRule(Change, frozen=True):
    """Delete the rule at `spot`; `text` is the rule as the tool prints it."""

    spot: Spot
    text: str

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        _edit(draft, self.spot, lambda text: _deleted(text, self.spot))

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        spot = self.spot
        if _native(ns, spot):
            words = ("nft", "delete", "rule", spot.family, spot.table, spot.chain, "handle", str(spot.handle))
            return [command.enter(ns.id, words)]
        return [command.enter(ns.id, (tool(spot), "-t", spot.table, "-D", spot.chain, *_spec(self.text)))]


def tool(spot: Spot) -> str:
    """The program that writes the table: the right family, the right backend."""
    program = {"ip": "iptables", "ip6": "ip6tables", "bridge": "ebtables", "arp": "arptables"}.get(spot.family, "iptables")
    return f"{program}-{spot.backend}"


def _spec(text: str) -> list[str]:
    words = shlex.split(_COUNTERS.sub("", text))
    return words[2:] if words[:1] == ["-A"] else words


def _native(ns: Namespace, spot: Spot) -> bool:
    return any(_is_at(item, spot) and item.tool == "nft" for item in ns.firewall())


def _is_at(item: FirewallText, spot: Spot) -> bool:
    return (item.backend, item.family, item.table) == (spot.backend, spot.family, spot.table)


def _edit(draft: Draft, spot: Spot, edit: Any) -> None:
    draft.firewall = tuple(edit(item) if _is_at(item, spot) else item for item in draft.firewall)


def _inserted(item: FirewallText, spot: Spot, allowed: Allowed) -> FirewallText:
    if item.tool == "nft":
        rule = {"rule": {"family": spot.family, "table": spot.table, "chain": spot.chain, "handle": 0}}
        rule["rule"]["expr"] = allowed.nft_expressions()
        return replace(item, text=_json_with(item.text, spot, rule))
    line = f"[0:0] -A {spot.chain} {shlex.join(allowed.xt_words())}"
    lines = item.text.splitlines()
    return replace(item, text="\n".join([*lines[: _line(lines, spot)], line, *lines[_line(lines, spot) :]]) + "\n")


def _deleted(item: FirewallText, spot: Spot) -> FirewallText:
    if item.tool == "nft":
        return replace(item, text=_json_with(item.text, spot, None))
    lines = item.text.splitlines()
    at = _line(lines, spot)
    return replace(item, text="\n".join([*lines[:at], *lines[at + 1 :]]) + "\n")


def _line(lines: list[str], spot: Spot) -> int:
    """The index of the rule's line; of the line behind the chain's last rule where the spot has no number."""
    found = [n for n, line in enumerate(lines) if _COUNTERS.sub("", line).startswith(f"-A {spot.chain} ")]
    if spot.number is not None and spot.number <= len(found):
        return found[spot.number - 1]
    if found:
        return found[-1] + 1
    declared = [n for n, line in enumerate(lines) if line.startswith(":")]
    return declared[-1] + 1 if declared else len(lines)


def _json_with(text: str, spot: Spot, new: dict[str, Any] | None) -> str:
    """The table with a rule put before the one at the spot, or (`new` None) without that one."""
    document = json.loads(text)
    items: list[dict[str, Any]] = []
    placed = False
    for item in document["nftables"]:
        rule = item.get("rule")
        here = rule is not None and rule.get("chain") == spot.chain and rule.get("handle") == spot.handle
        if here and spot.handle is not None:
            placed = True
            if new is None:
                continue
            items.append(new)
        items.append(item)
    if new is not None and not placed:
        items.append(new)
    return json.dumps({**document, "nftables": items})
