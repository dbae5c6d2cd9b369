"""Trace events as the kernel sends them: nf_tables' own (NFNLGRP_NFTRACE), and legacy iptables' by NFLOG.

Sources: include/uapi/linux/netfilter/nf_tables.h nft_trace_attributes, nfnetlink_log.h; nf_tables_trace.c sends the
packet once for each base chain it comes to, so an event with headers begins a run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from netdoctor.collect.netlink import HEADER, attributes, split
from netdoctor.facts.traced import Kind, TracedPacket, TraceEvent
from netdoctor.probe.trace.nftables import NAMES
from netdoctor.tracing import headers

TRACE = 10 << 8 | 17
NFLOG = 4 << 8 | 0

_KINDS: dict[int, Kind] = {1: "policy", 2: "return", 3: "rule"}
_VERDICTS = {
    0: "drop", 1: "accept", 2: "stolen", 3: "queue", 4: "repeat", 0xFFFFFFFF: "continue", 0xFFFFFFFE: "break",
    0xFFFFFFFD: "jump", 0xFFFFFFFC: "goto", 0xFFFFFFFB: "return",
}  # fmt: skip
(
    _TABLE, _CHAIN, _HANDLE, _TYPE, _VERDICT, _ID, _LL, _NETWORK, _TRANSPORT, _IIF, _, _OIF, _, _MARK, _, _POLICY,
) = range(1, 17)  # fmt: skip
_LOG_MARK, _LOG_IN, _LOG_OUT, _LOG_PAYLOAD, _LOG_PREFIX = 2, 4, 5, 9, 10
#: `TRACE: table:chain:type:rulenum`, as trace_packet() writes it; a name may hold a colon.
LEGACY = re.compile(r"TRACE: ([^:\s]+):(\S+):(rule|return|policy):(\d+)")
_FAMILIES = {2: "ip", 10: "ip6"}


class Decoder:
    """Reads the messages of one namespace, in their order. `name` names a device by its ifindex."""

    def __init__(self, namespace: int, name: Callable[[int], str | None]) -> None:
        self._namespace = namespace
        self._name = name
        self._runs: dict[bytes, int] = {}
        self._packets: dict[int, TracedPacket] = {}
        self._last = 0

    def events(self, datagram: bytes) -> Iterator[tuple[bytes, TraceEvent]]:
        """Yield the events of one datagram, each with the kernel's id of its packet (b"" for legacy ones)."""
        for message in split(datagram):
            kind = HEADER.unpack_from(message)[1]
            if kind == TRACE:
                yield self._nft(message[16], attributes(message, 20))
            elif kind == NFLOG and (event := self._legacy(message[16], attributes(message, 20))) is not None:
                yield b"", event

    def _nft(self, family: int, parts: dict[int, bytes]) -> tuple[bytes, TraceEvent]:
        ident = parts.get(_ID, b"")
        if _NETWORK in parts or _LL in parts or ident not in self._runs:
            self._last += 1
            self._runs[ident] = self._last
            self._packets[self._last] = self._packet(parts)
        run = self._runs[ident]
        verdict = attributes(parts[_VERDICT], 0) if _VERDICT in parts else {}
        word = _VERDICTS.get(_number(verdict.get(1)) or 0, "?") if 1 in verdict else None
        if _POLICY in parts:
            word = _VERDICTS.get(_number(parts[_POLICY]) or 0, "?")
        if 2 in verdict:
            word = f"{word} {_text(verdict[2])}"
        event = TraceEvent(
            "nft",
            NAMES.get(family, str(family)),
            _text(parts.get(_TABLE, b"")),
            _text(parts.get(_CHAIN, b"")),
            _KINDS.get(_number(parts.get(_TYPE)) or 0, "rule"),
            run,
            handle=_number(parts.get(_HANDLE)),
            verdict=word,
            packet=self._packets[run],
            namespace=self._namespace,
        )
        return ident, event

    def _packet(self, parts: dict[int, bytes]) -> TracedPacket:
        fields, _ = headers.network(parts.get(_NETWORK, b""))
        if fields and not fields.get("fragment"):
            fields.update(headers.transport(parts.get(_TRANSPORT, b""), fields["proto"]))
        mark, names = (
            _number(parts.get(_MARK)),
            (self._device(parts.get(_IIF)), self._device(parts.get(_OIF))),
        )
        return TracedPacket(**fields, mark=mark or 0, iif=names[0], oif=names[1])  # type: ignore[arg-type]

    def _legacy(self, family: int, parts: dict[int, bytes]) -> TraceEvent | None:
        found = LEGACY.match(_text(parts.get(_LOG_PREFIX, b"")))
        if found is None:
            return None  # somebody's LOG or NFLOG rule
        fields = headers.packet(parts.get(_LOG_PAYLOAD, b""))
        names = self._device(parts.get(_LOG_IN)), self._device(parts.get(_LOG_OUT))
        packet = TracedPacket(**fields, mark=_number(parts.get(_LOG_MARK)) or 0, iif=names[0], oif=names[1])  # type: ignore[arg-type]
        table, chain, kind, number = found.groups()
        return TraceEvent(
            "legacy",
            _FAMILIES.get(family, str(family)),
            table,
            chain,
            kind,  # type: ignore[arg-type]
            0,
            number=int(number),
            packet=packet,
            namespace=self._namespace,
        )

    def _device(self, value: bytes | None) -> str | None:
        index = _number(value)
        return None if not index else self._name(index) or f"ifindex {index}"


def _number(value: bytes | None) -> int | None:
    return int.from_bytes(value, "big") if value is not None else None


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode("utf-8", "replace").rstrip()
