"""What `xtables-monitor --trace` prints: a PACKET line for each base chain, then a TRACE line for each rule (8)."""

from __future__ import annotations

import re

from netdoctor.facts.traced import Kind, TracedPacket, TraceEvent
from netdoctor.tracing.logs.fields import FLAGS, PROTOCOLS, address, number

_PACKET = re.compile(r"\bPACKET: (\d+) ([0-9a-f]+) (.*)")
_TRACE = re.compile(r"\bTRACE: (\d+) ([0-9a-f]+) ([^:\s]+):(\S+):(rule|return|policy):(\S*)\s*(.*)")
_KINDS: dict[str, Kind] = {"rule": "rule", "return": "return", "policy": "policy"}
_FAMILIES = {0: "inet", 1: "inet", 2: "ip", 3: "arp", 7: "bridge", 10: "ip6"}
#: Verdicts that it has no word for.
_NUMBERS = {0xFFFFFFFB: "return", 0xFFFFFFFC: "goto", 0xFFFFFFFD: "jump", 0xFFFFFFFF: "continue"}


class Reader:
    """Reads line by line; remembers the packet that each id stands for."""

    def __init__(self) -> None:
        self._packets: dict[str, tuple[int, TracedPacket]] = {}
        self._last = 3_000_000

    def event(self, line: str) -> TraceEvent | None:
        """Return the event of a line, None where it is none (as that of a PACKET)."""
        if found := _PACKET.search(line):
            self._last += 1
            self._packets[found[2]] = self._last, _packet(found[3])
            return None
        found = _TRACE.search(line)
        if found is None or found[2] not in self._packets:
            return None
        family, ident, table, chain, kind, said, text = found.groups()
        run, packet = self._packets[ident]
        handle, verdict = (said.split(":", 1) + [""])[:2] if kind != "policy" else ("", said)
        name = _FAMILIES.get(int(family), family)
        return TraceEvent(
            "nft", name, table, chain, _KINDS[kind], run,
            handle=number(handle, 0), text=text.strip(), verdict=_word(verdict), packet=packet,
        )  # fmt: skip


def _word(text: str) -> str | None:
    """JUMP:U → jump U, 0xfffffffb → return."""
    if not text:
        return None
    value = number(text, 0)
    if value is not None:
        return _NUMBERS.get(value, text)
    verb, _, chain = text.partition(":")
    return f"{verb.lower()} {chain}".strip()


def _packet(text: str) -> TracedPacket:
    """Read the packet. It shows ports, but no protocol, and of ICMP nothing at all."""
    fields: dict[str, str] = {}
    flags = 0
    for word in text.split():
        name, equals, value = word.partition("=")
        fields.setdefault(name, value)
        flags |= FLAGS.get(name, 0) if not equals else 0
    ports = "SPORT" in fields or "DPORT" in fields
    return TracedPacket(
        src=address(fields.get("SRC")),
        dst=address(fields.get("DST")),
        proto=PROTOCOLS["TCP"] if flags else None,
        sport=number(fields.get("SPORT")) if ports else None,
        dport=number(fields.get("DPORT")) if ports else None,
        tcp_flags=flags or None,
        ip_id=number(fields.get("ID")),
        ttl=number(fields.get("TTL")),
        length=number(fields.get("LEN")),
        mark=number(fields.get("MARK"), 0),
        iif=fields.get("IN") or None,
        oif=fields.get("OUT") or None,
    )
