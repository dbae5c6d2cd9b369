"""The save format of iptables, ip6tables, ebtables and arptables, of both backends (iptables-save(8)).

A table is split into chains in one pass over its lines; a chain's rules are parsed when they are asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from netdoctor.facts.links import Record
from netdoctor.kernel.netfilter import eb_matches, xt_matches, xt_targets
from netdoctor.kernel.netfilter.model import Base, Family, FirewallRule, Hook, Match, SetFacts, Unknown
from netdoctor.kernel.netfilter.names import UndecodedError
from netdoctor.kernel.netfilter.xt_index import SHORT, AddressIndex
from netdoctor.kernel.netfilter.xt_options import Context, Parts, take_apart, tokens

_COUNTERS = re.compile(r"\[(\d+):\d+\] ?")

_HOOKS: dict[str, Hook] = {
    "PREROUTING": "prerouting",
    "INPUT": "input",
    "FORWARD": "forward",
    "OUTPUT": "output",
    "POSTROUTING": "postrouting",
}

#: Priority of a table's chains (include/uapi/linux/netfilter_ipv4.h and _bridge.h), and of single ones.
_PRIORITIES: dict[tuple[str, str], int] = {
    ("ip", "raw"): -300,
    ("ip", "mangle"): -150,
    ("ip", "filter"): 0,
    ("ip", "security"): 50,
    ("bridge", "filter"): -200,
    ("arp", "filter"): 0,
}
_NAT_PRIORITIES = {
    "ip": {"PREROUTING": -100, "OUTPUT": -100, "INPUT": 100, "POSTROUTING": 100},
    "bridge": {"PREROUTING": -300, "OUTPUT": 100, "POSTROUTING": 300},
}


class SavedTable(Record, frozen=True):
    """A table split into chains: policies of the built-in ones (`-` for user chains), and the lines of each chain."""

    policies: dict[str, str]
    lines: dict[str, list[str]]


@lru_cache(maxsize=64)
def split(text: str) -> SavedTable:
    """Split the lines of one table into its chains, in one pass."""
    policies: dict[str, str] = {}
    lines: dict[str, list[str]] = {}
    for line in text.split("\n"):
        start = line.find("] -A ") + 5 if line[:1] == "[" else 3 if line[:3] == "-A " else 0
        if start > 4 or start == 3:
            end = line.find(" ", start)
            chain = line[start:] if end < 0 else line[start:end]
            try:
                lines[chain].append(line)
            except KeyError:
                lines[chain] = [line]
        elif line[:1] == ":":
            name, policy, *_ = (*line[1:].split(" "), "-")
            policies[name] = policy
            lines.setdefault(name, [])
    return SavedTable(policies, lines)


def bases(family: Family, table: str, saved: SavedTable) -> list[tuple[str, Base]]:
    """Return the base chains of a table with their names. Raises UndecodedError for a table of another name."""
    kin: Family = "ip" if family == "ip6" else family
    found = []
    for name, policy in saved.policies.items():
        hook = _HOOKS.get(name)
        if hook is None or (family == "bridge" and policy == "RETURN"):
            continue
        nat = table == "nat" and kin in _NAT_PRIORITIES
        priority = _NAT_PRIORITIES[kin].get(name) if nat else _PRIORITIES.get((kin, table))
        if priority is None:
            raise UndecodedError(table)
        kind = (
            "nat" if nat and kin == "ip" else "route" if table == "mangle" and name == "OUTPUT" else "filter"
        )
        found.append((name, Base(kind, hook, priority, "drop" if policy == "DROP" else "accept")))
    return found


def rule(line: str, number: int, context: Context) -> FirewallRule:
    """Parse one line. What is not understood becomes `Unknown` or `UnknownStatement`."""
    counters = _COUNTERS.match(line)
    text = line[counters.end() :] if counters else line
    parts = take_apart(tokens(text)[2:])
    if context.family == "arp":
        parts = _conditions_first(parts)
    general = eb_matches.general if context.family in ("bridge", "arp") else xt_matches.general
    matches: list[Match] = []
    try:
        matches.extend(general(parts.general, context))
    except UndecodedError:
        matches.append(Unknown(text=" ".join(option.text for option in parts.general)))
    for module in parts.matches:
        matches.extend(xt_matches.of_module(module, context))
    statements = xt_targets.of_target(parts.target, parts.goto, context)
    packets = int(counters[1]) if counters else None
    return FirewallRule(
        number, text, tuple(matches), statements, comment=xt_matches.comment(parts.matches), packets=packets
    )


def _conditions_first(parts: Parts) -> Parts:
    """arptables-save prints the target first; the conditions behind it are not the target's."""
    if parts.target is None:
        return parts
    own = [option for option in parts.target.options if eb_matches.is_condition(option)]
    rest = [option for option in parts.target.options if option not in own]
    return parts._replace(general=parts.general + own, target=parts.target._replace(options=rest))


class XtTable:
    """A table in the save format. Raises UndecodedError for a table that is not a standard one."""

    def __init__(
        self, family: Family, table: str, text: str, dimensions: Callable[[str], tuple[str, ...] | None]
    ) -> None:
        self._saved = split(text)
        self._bases = bases(family, table, self._saved)
        self._context = Context(family, frozenset(self._saved.policies), dimensions)
        self._indexes: dict[str, AddressIndex] = {}
        self._parsed: dict[tuple[str, int], FirewallRule] = {}

    def bases(self) -> list[tuple[str, Base]]:
        """Return the base chains with their names."""
        return self._bases

    def chains(self) -> tuple[str, ...]:
        """Return the names of all chains."""
        return tuple(self._saved.lines)

    def rules(self, chain: str) -> tuple[FirewallRule, ...]:
        """Return the rules of a chain. Raises KeyError where there is no such chain."""
        return tuple(self._rule(chain, number) for number in range(1, len(self._saved.lines[chain]) + 1))

    def relevant(self, chain: str, src: str, dst: str) -> tuple[FirewallRule, ...]:
        """Return the rules of a chain without those that ask for another address. Raises KeyError as `rules`."""
        lines = self._saved.lines[chain]
        if len(lines) <= SHORT:
            return self.rules(chain)
        if chain not in self._indexes:
            self._indexes[chain] = AddressIndex(lines)
        return tuple(self._rule(chain, number) for number in self._indexes[chain].numbers(src, dst))

    def _rule(self, chain: str, number: int) -> FirewallRule:
        key = chain, number
        if key not in self._parsed:
            self._parsed[key] = rule(self._saved.lines[chain][number - 1], number, self._context)
        return self._parsed[key]

    def set(self, name: str) -> SetFacts | None:
        """Return None: ipsets belong to no table."""
        return None
