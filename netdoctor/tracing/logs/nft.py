"""What `nft monitor trace` prints: a `packet:` line for each base chain, then one for each rule (nft(8), MONITOR)."""

from __future__ import annotations

import re

from netdoctor.facts.traced import TracedPacket, TraceEvent
from netdoctor.tracing.logs.fields import FLAGS, PROTOCOLS, address, number

_LINE = re.compile(r"\btrace id ([0-9a-f]+) (\S+) (\S+) (\S+) (packet:|rule|verdict|policy)\s*(.*)")
_RULE = re.compile(r"(.*?)(?: # handle (\d+))?\s*\(verdict ([^()]+)\)\s*$")
_DEVICE = re.compile(r'\b(iif|oif) "?([^"\s]+)"?')
_FLAGS = re.compile(r"tcp flags (?:== )?((?:0x[0-9a-f]+|[a-z]+)(?:\s*[|,]\s*[a-z]+)*)")
_ECHO = {"echo-request": 8, "echo-reply": 0}


class Reader:
    """Reads line by line; remembers the packet that each id stands for."""

    def __init__(self) -> None:
        self._packets: dict[str, tuple[int, TracedPacket]] = {}
        self._last = 5_000_000

    def event(self, line: str) -> TraceEvent | None:
        """Return the event of a line, None where it is none (as that of a packet)."""
        found = _LINE.search(line)
        if found is None:
            return None
        ident, family, table, chain, kind, rest = found.groups()
        if kind == "packet:":
            self._last += 1
            self._packets[ident] = self._last, _packet(rest)
            return None
        if ident not in self._packets:
            return None
        run, packet = self._packets[ident]
        if kind == "policy":
            verdict = rest.split(" ", 1)[0]
            return TraceEvent("nft", family, table, chain, "policy", run, verdict=verdict, packet=packet)
        rule = _RULE.match(rest)
        if kind == "verdict" or rule is None:
            return TraceEvent("nft", family, table, chain, "return", run, packet=packet)
        text, handle, verdict = rule.groups()
        return TraceEvent(
            "nft", family, table, chain, "rule", run,
            handle=number(handle), text=text.strip(), verdict=verdict.strip(), packet=packet,
        )  # fmt: skip


def _packet(text: str) -> TracedPacket:
    devices = dict(_DEVICE.findall(text))
    version = "ip6" if "ip6 saddr" in text else "ip"
    proto = next((name for name in ("icmpv6", "icmp", "tcp", "udp") if f" {name} " in f" {text} "), "")
    flags = _FLAGS.search(text)
    return TracedPacket(
        src=address(_after(text, f"{version} saddr")),
        dst=address(_after(text, f"{version} daddr")),
        proto=PROTOCOLS.get(proto.upper()),
        sport=number(_after(text, f"{proto} sport")) if proto in ("tcp", "udp") else None,
        dport=number(_after(text, f"{proto} dport")) if proto in ("tcp", "udp") else None,
        icmp_type=_type(_after(text, "icmp type")),
        icmp_id=number(_after(text, "icmp id")),
        icmp_seq=number(_after(text, "icmp sequence")),
        tcp_flags=_flags(flags[1]) if flags else None,
        ip_id=number(_after(text, "ip id")),
        ttl=number(_after(text, "ip ttl") or _after(text, "ip6 hoplimit")),
        length=number(_after(text, "ip length")),
        mark=number(_after(text, "meta mark"), 0),
        iif=devices.get("iif"),
        oif=devices.get("oif"),
    )


def _after(text: str, words: str) -> str | None:
    """The word behind `words`."""
    _, found, rest = f" {text} ".partition(f" {words} ")
    return rest.split(" ", 1)[0] if found else None


def _type(word: str | None) -> int | None:
    return _ECHO.get(word or "", number(word))


def _flags(text: str) -> int:
    value = number(text, 0)
    if value is not None:
        return value
    bits = 0
    for word in re.split(r"[|,\s]+", text):
        bits |= FLAGS.get(word.upper(), 0)
    return bits
