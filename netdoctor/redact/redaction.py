"""Records with other names and addresses in them: a snapshot, the facts of a namespace, a question's end, a report."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from netdoctor.facts.firewall import FirewallText, SetText
from netdoctor.facts.host import NamespaceFacts
from netdoctor.facts.records import Route, Rule
from netdoctor.redact.addresses import Addresses
from netdoctor.redact.kinds import KINDS, TOGETHER
from netdoctor.redact.names import Names
from netdoctor.redact.nftjson import NftRedactor
from netdoctor.redact.prose import Prose
from netdoctor.redact.xtables import chain, label, redact_set, redact_table

T = TypeVar("T")

_WILDCARD = re.compile(r"(?:^|[\s\"])([A-Za-z0-9_.@-]{1,14})[+*](?=[\"\s\]]|$)", re.MULTILINE)
_WORD = re.compile(r"[A-Za-z0-9]+")
_NUMBERS = re.compile(r"[-\d\s]*")
_CONF = re.compile(r"^((?:ipv4|ipv6|mpls)/(?:conf|neigh)/)(.+)(/[^/]+)$")


class Redaction:
    """One consistent replacement of everything in the namespaces given, and in whatever speaks of them."""

    def __init__(
        self, namespaces: Iterable[NamespaceFacts], secret: bytes, hosts: Iterable[str] = ()
    ) -> None:
        known = tuple(namespaces)
        texts = list(_texts(known))
        taken = {word for text in texts for word in _WORD.findall(text)}
        wildcards = [word for text in texts for word in _WILDCARD.findall(text)]
        subnets = [(held.local, held.prefixlen) for facts in known for held in facts.addresses]
        routed = [f"{route.dst}/{route.prefixlen}" for facts in known for route in facts.routes]
        self.names = Names(wildcards, taken)
        self.addresses = Addresses(secret, [*texts, *routed], subnets)
        self.prose = Prose(self.addresses, self.names)
        self._nft = NftRedactor(self.names, self.addresses)
        for facts in known:
            for link in facts.links:
                self.names.device(link.name)
        for host in hosts:
            self.names.whole_name(host, "host")
        for facts in known:
            for name in facts.id.names:
                self.names.whole_name(name, "ns")
            for held in facts.id.containers:
                self._record(held)
            for item in facts.sockets or ():
                self._value(item.holder, "process")
            for device in facts.wireguards:
                for key in (device.public_key, *(peer.public_key for peer in device.peers)):
                    self._value(key, "key")

    def of(self, record: T) -> T:
        """Return a record (a snapshot, a namespace's facts, a report, an end of a question) with all texts replaced."""
        shown = self._value(record, "")
        assert isinstance(shown, type(record))
        return shown

    def mapping(self) -> dict[str, dict[str, str]]:
        """Return what stands for what: original → replacement, of names and of addresses."""
        names = {**self.names.devices, **self.names.whole, **self.names.pieces}
        changed = {before: after for before, after in sorted(names.items()) if before != after}
        return {"names": changed, "addresses": dict(sorted(self.addresses.used.items()))}

    def _value(self, value: Any, kind: str) -> Any:
        if isinstance(value, msgspec.Struct):
            return self._record(value)
        if isinstance(value, str):
            return self._text(value, kind)
        if isinstance(value, tuple):
            return tuple(self._value(part, kind) for part in value)
        return value

    def _record(self, record: msgspec.Struct) -> Any:
        changed = {}
        for field, kind in _plan(type(record)):
            value = getattr(record, field)
            shown = self._value(value, kind)
            if shown is not value and shown != value:
                changed[field] = shown
        return self._together(record, changed)

    def _together(self, record: Any, changed: dict[str, Any]) -> Any:
        """Replace what one field of a record means only beside another."""
        if isinstance(record, Route):
            changed["dst"] = self.addresses.ip(record.dst, record.prefixlen)
        elif isinstance(record, Rule):
            changed["src"] = self.addresses.ip(record.src, record.src_len) if record.src else record.src
            changed["dst"] = self.addresses.ip(record.dst, record.dst_len) if record.dst else record.dst
        elif isinstance(record, FirewallText):
            changed.update(self._table(record))
        elif isinstance(record, SetText):
            changed["name"] = label(record.name, self.names, self.addresses)
            changed["text"] = redact_set(record.text, self.names, self.addresses)
        elif isinstance(record, NamespaceFacts):
            changed["sysctls"] = {
                self._sysctl(key): self._setting(text) for key, text in record.sysctls.items()
            }
        return replace(record, **changed) if changed else record

    def _table(self, table: FirewallText) -> Iterator[tuple[str, Any]]:
        yield "table", self._nft.table(table.table)
        yield "text", self._rules(table.text)
        yield "native", self._rules(table.native) if table.native is not None else None
        yield (
            "devices",
            tuple(
                (chain(base, self.names, self.addresses), tuple(map(self.names.device, devices)))
                for base, devices in table.devices
            ),
        )

    def _rules(self, text: str) -> str:
        if text.lstrip()[:1] == "{":
            try:
                return self._nft(text)
            except (ValueError, TypeError, AttributeError, LookupError, RecursionError):
                return label(text, self.names, self.addresses)  # nobody can read it as rules
        return redact_table(text, self.names, self.addresses)

    def _setting(self, text: str) -> str:
        return text if _NUMBERS.fullmatch(text) else self.prose(text)

    def _sysctl(self, name: str) -> str:
        found = _CONF.match(name)
        if found is None or found[2] in ("all", "default"):
            return name
        return f"{found[1]}{self.names.device(found[2])}{found[3]}"

    def _text(self, text: str, kind: str) -> str:
        if kind == "kept":
            return text
        if kind == "ip":
            return self.addresses.ip(text)
        if kind == "lladdr":
            return self.addresses.lladdr(text)
        if kind == "device":
            return self.names.device(text)
        if kind == "address-label":
            device, colon, rest = text.partition(":")
            return self.names.device(device) + colon + (self.names.identifier(rest) if rest else "")
        if kind in ("namespace", "host", "key"):
            return self.names.whole_name(text, "ns" if kind == "namespace" else kind)
        if kind in ("contained", "pod", "digits"):
            replaced: str = getattr(self.names, kind)(text)
            return replaced
        if kind == "path":
            return "/".join(self._step(part) for part in text.split("/"))
        if kind == "process":
            return label(text, self.names, self.addresses)
        return self.prose(text)

    def _step(self, part: str) -> str:
        return part if part in _FOLDERS else self.names.identifier(part)


#: What folders below which namespaces are mounted are called.
_FOLDERS = frozenset(("run", "var", "netns", "docker", "proc", "ns", "net", "fd", "task", "self", "tmp", ""))


@cache
def _plan(record: type[msgspec.Struct]) -> tuple[tuple[str, str], ...]:
    """The fields of a record that are rewritten one by one, and what is in them; numbers are not."""
    paths = ((field, f"{record.__name__}.{field}") for field in record.__struct_fields__)
    return tuple((field, KINDS.get(path, "prose")) for field, path in paths if path not in TOGETHER)


def _texts(namespaces: Iterable[NamespaceFacts]) -> Iterator[str]:
    """Yield everything said in the facts, as text."""
    for facts in namespaces:
        for table in facts.firewall:
            yield table.text
            yield table.native or ""
        for ipset in facts.ipsets:
            yield ipset.text
        rest = replace(facts, firewall=(), ipsets=())
        yield msgspec.json.encode(rest).decode()
