"""ipsets, as `ipset save` prints them (ipset(8), net/netfilter/ipset/). Each is parsed when a rule asks for it."""

from __future__ import annotations

from collections.abc import Callable

from netdoctor.facts.firewall import SetText
from netdoctor.kernel.netfilter.model import SetFacts
from netdoctor.kernel.netfilter.names import UndecodedError, number
from netdoctor.kernel.netfilter.values import address, lladdr

Key = tuple[str, ...]

#: What the dimensions in the name of a type are.
_DIMENSIONS = {
    "ip": "addr",
    "net": "addr",
    "port": "inet_service",
    "mac": "ether_addr",
    "iface": "ifname",
    "mark": "mark",
}


class IpSets:
    """The ipsets of a namespace; what `texts` returns is asked for with the first question."""

    def __init__(self, texts: Callable[[], tuple[SetText, ...]]) -> None:
        self._texts = texts
        self._named: dict[str, SetText] | None = None
        self._facts: dict[str, SetFacts | None] = {}

    def _text(self, name: str) -> SetText | None:
        if self._named is None:
            self._named = {text.name: text for text in self._texts()}
        return self._named.get(name)

    def types(self, name: str) -> tuple[str, ...] | None:
        """Return the types of the dimensions of a set, or None where it is not known."""
        facts = self.facts(name)
        return facts.fields if facts is not None and facts.fields else None

    def facts(self, name: str) -> SetFacts | None:
        """Return a set, or None where there is none of this name, or none that could be read."""
        if name not in self._facts:
            self._facts[name] = None  # a list that holds itself ends here
            text = self._text(name)
            if text is not None and text.error is None:
                self._facts[name] = self._parse(text)
        return self._facts[name]

    def _parse(self, text: SetText) -> SetFacts:
        lines = [line.split() for line in text.text.splitlines()]
        kind = next((words[2] for words in lines if words[:1] == ["create"]), "")
        options = next((words[3:] for words in lines if words[:1] == ["create"]), [])
        entries = [words[2:] for words in lines if words[:1] == ["add"]]
        if kind == "list:set":
            return self._union(text.name, [words[0] for words in entries])
        try:
            return _plain(text.name, kind, options, entries)
        except (ValueError, LookupError):
            return SetFacts(text.name, (), known=False)

    def _union(self, name: str, members: list[str]) -> SetFacts:
        """A list of sets: in it is what is in one of them. Members with different dimensions are asked differently."""
        found = [self.facts(member) for member in members]
        known = [facts for facts in found if facts is not None]
        alike = len(known) == len(found) and len({facts.fields for facts in known}) <= 1
        certain = alike and all(facts.known and not facts.exceptions for facts in known)
        if not known:
            return SetFacts(name, ("ipv4_addr",), known=not found)
        elements = tuple(element for facts in known for element in facts.elements)
        return SetFacts(name, known[0].fields, elements if certain else (), certain)


def _plain(name: str, kind: str, options: list[str], entries: list[list[str]]) -> SetFacts:
    """Decode a bitmap or hash. Raises UndecodedError, and KeyError for a type that is not known."""
    addresses = "ipv6_addr" if "inet6" in options else "ipv4_addr"
    dimensions = [_DIMENSIONS[part] for part in kind.partition(":")[2].split(",")]
    types = tuple(addresses if part == "addr" else part for part in dimensions)
    netmask = options[options.index("netmask") + 1] if "netmask" in options else ""
    if "bitmask" in options:
        raise UndecodedError("bitmask")
    elements: list[tuple[Key, None]] = []
    exceptions: list[Key] = []
    for words in entries:
        key = _key(words, types, netmask if kind.partition(":")[2].startswith("ip") else "")
        if "nomatch" in words[1:]:
            exceptions.append(key)
        else:
            elements.append((key, None))
    return SetFacts(name, types, tuple(elements), exceptions=tuple(exceptions))


def _key(words: list[str], types: tuple[str, ...], netmask: str) -> Key:
    parts = words[0].split(",")
    if len(parts) != len(types):  # a bitmap:ip,mac may hold addresses whose lladdr it has yet to learn
        raise UndecodedError(words[0])
    return tuple(
        _part(part, kind, netmask, "wildcard" in words[1:]) for part, kind in zip(parts, types, strict=True)
    )


def _part(text: str, kind: str, netmask: str, wildcard: bool) -> str:
    if kind in ("ipv4_addr", "ipv6_addr"):
        return f"{text}/{netmask}" if netmask and "/" not in text else _address(text)
    if kind == "ether_addr":
        return lladdr(text)
    if kind == "mark":
        return str(number(text))
    if kind == "ifname":
        if text.startswith("physdev:"):
            raise UndecodedError(text)
        return f"{text}*" if wildcard else text
    return text


def _address(text: str) -> str:
    head, _, _ = text.partition("/")
    address(head.partition("-")[0])
    return text
