"""The save format of iptables, ip6tables, ebtables and arptables, of both backends (iptables-save(8)).

A chain is looked for in the text, and its rules are parsed, when they are asked for: of a very large table a question
needs little.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache

from netdoctor.facts.firewall import FirewallText
from netdoctor.kernel.netfilter import eb_matches, rarer, xt_matches, xt_targets
from netdoctor.kernel.netfilter.model import (
    Base,
    Family,
    FirewallRule,
    Hook,
    Match,
    SetFacts,
    Unknown,
)
from netdoctor.kernel.netfilter.names import UndecodedError
from netdoctor.kernel.netfilter.unread import unread
from netdoctor.kernel.netfilter.xt_index import SHORT, AddressIndex
from netdoctor.kernel.netfilter.xt_options import Context, Parts, take_apart, tokens

_COUNTERS = re.compile(r"\[(\d+):\d+\] ?")

#: They begin with the end of the line before, which is found faster than the beginning of a line.
_CHAIN = re.compile(r"\n:(\S+)(?: (\S+))?")
_HELD = re.compile(r"\n#(.+)")

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


class SavedTable:
    """A table whose chains are looked for in its text when they are asked for.

    `policies` are those of the built-in chains (`-` for user chains).
    """

    def __init__(self, text: str) -> None:
        self._text = text
        end = text.find("\n", text.rfind("\n:") + 1)  # of the last chain that is declared, before most rules
        found = _CHAIN.findall("\n" + text[: end if end >= 0 else None])
        self.policies = {name: policy or "-" for name, policy in found}

    @cached_property
    def held(self) -> frozenset[str]:
        """The chains of a partial text whose lines it holds."""
        return frozenset(_HELD.findall(f"\n{self._text}"))

    def lines(self, chain: str) -> list[str]:
        """Return the lines of a chain. Raises KeyError where there is none."""
        found = list(self._found(chain))
        if not found and chain not in self.policies and chain not in self.held:
            raise KeyError(chain)
        return found

    def _found(self, chain: str) -> Iterator[str]:
        text, rule = self._text, f"-A {chain}"
        at = text.find(rule)
        while at >= 0:
            begin, end = text.rfind("\n", 0, at) + 1, text.find("\n", at)
            end = end if end >= 0 else len(text)
            counted = text[begin] == "[" and text.find("] -A ", begin) == at - 2
            if (begin == at or counted) and text[at + len(rule) : at + len(rule) + 1] in (" ", "\n", ""):
                yield text[begin:end]
            at = text.find(rule, end)


@lru_cache(maxsize=64)
def split(text: str) -> SavedTable:
    """Split the lines of one table into its chains."""
    return SavedTable(text)


def bases(family: Family, table: str, saved: SavedTable) -> list[tuple[str, Base]]:
    """Return the base chains of a table with their names. Raises UndecodedError for a table of another name."""
    kin: Family = "ip" if family == "ip6" else family
    found = []
    for name, hook in _HOOKS.items():
        policy = saved.policies.get(name)
        if policy is None or (family == "bridge" and policy == "RETURN"):
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
    except (ValueError, LookupError):
        matches.append(Unknown(text=" ".join(option.text for option in parts.general)))
    for module in parts.matches:
        matches.extend(xt_matches.of_module(module, context))
    statements = xt_targets.of_target(parts.target, parts.goto, context)
    packets = int(counters[1]) if counters else None
    settled = rarer.settled(tuple(matches), statements, packets)
    return FirewallRule(
        number, text, settled, statements, comment=xt_matches.comment(parts.matches), packets=packets
    )


def _conditions_first(parts: Parts) -> Parts:
    """arptables-save prints the target first; the conditions behind it are not the target's."""
    if parts.target is None:
        return parts
    own = [option for option in parts.target.options if eb_matches.is_condition(option)]
    rest = [option for option in parts.target.options if option not in own]
    return parts._replace(general=parts.general + own, target=parts.target._replace(options=rest))


class XtTable:
    """A table in the save format; `ask` returns the lines of chains that its text does not hold.

    Raises UndecodedError for a table of a name that is not a standard one.
    """

    def __init__(
        self,
        text: FirewallText,
        dimensions: Callable[[str], tuple[str, ...] | None],
        ask: Callable[[FirewallText, str], str | None],
    ) -> None:
        family: Family = text.family  # type: ignore[assignment]
        self._text = text
        self._ask = ask
        self._saved = split(text.text)
        self._bases = bases(family, text.table, self._saved)
        chains = xt_targets.ANY_CHAIN if text.partial else frozenset(self._saved.policies)
        self._context = Context(family, chains, dimensions)
        self._asked: dict[str, list[str] | None] = {}
        self._indexes: dict[str, AddressIndex] = {}
        self._parsed: dict[tuple[str, int], FirewallRule] = {}

    def bases(self) -> list[tuple[str, Base]]:
        """Return the base chains with their names."""
        return self._bases

    def chains(self) -> tuple[str, ...]:
        """Return the names of all chains."""
        return tuple(self._saved.policies)

    def _lines(self, chain: str) -> list[str] | None:
        """Return the lines of a chain, or None where they cannot be read. Raises KeyError where there is none."""
        if not self._text.partial or chain in self._saved.held:
            return self._saved.lines(chain)
        if chain not in self._asked:
            printed = self._ask(self._text, chain)
            self._asked[chain] = printed.splitlines() if printed is not None else None
        return self._asked[chain]

    def rules(self, chain: str) -> tuple[FirewallRule, ...]:
        """Return the rules of a chain. Raises KeyError where there is no such chain."""
        lines = self._lines(chain)
        if lines is None:
            return (unread(chain),)
        return tuple(self._rule(chain, line, number) for number, line in enumerate(lines, 1))

    def relevant(self, chain: str, src: str, dst: str) -> tuple[FirewallRule, ...]:
        """Return the rules of a chain without those that ask for another address. Raises KeyError as `rules`."""
        lines = self._lines(chain)
        if lines is None or len(lines) <= SHORT:
            return self.rules(chain)
        if chain not in self._indexes:
            self._indexes[chain] = AddressIndex(lines)
        numbers = self._indexes[chain].numbers(src, dst)
        return tuple(self._rule(chain, lines[number - 1], number) for number in numbers)

    def _rule(self, chain: str, line: str, number: int) -> FirewallRule:
        key = chain, number
        if key not in self._parsed:
            self._parsed[key] = rule(line, number, self._context)
        return self._parsed[key]

    def set(self, name: str, key: tuple[str, ...] | None = None) -> SetFacts | None:
        """Return None: ipsets belong to no table."""
        return None
