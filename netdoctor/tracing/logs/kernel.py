"""`TRACE: table:chain:type:number IN=… OUT=… SRC=… …` in the kernel log, syslog or the journal (nf_log_syslog.c)."""

from __future__ import annotations

import re

from netdoctor.facts.traced import Kind, TracedPacket, TraceEvent
from netdoctor.tracing.logs.fields import FLAGS, PROTOCOLS, address, family, number

_LINE = re.compile(r"\bTRACE: ([^:\s]+):(\S+):(rule|return|policy):(\d+) (.*)")
_KINDS: dict[str, Kind] = {"rule": "rule", "return": "return", "policy": "policy"}


def event(line: str) -> TraceEvent | None:
    """Return the event of a line, None where it is no such line."""
    found = _LINE.search(line)
    if found is None:
        return None
    table, chain, kind, position, rest = found.groups()
    packet = _packet(rest)
    if packet is None:
        return None
    return TraceEvent(
        "legacy", family(packet.src), table, chain, _KINDS[kind], 0, number=int(position), packet=packet
    )


def _packet(text: str) -> TracedPacket | None:
    """Read the packet. `[…]` quotes another one; ID, SEQ and the like mean the IP header's before PROTO."""
    ip: dict[str, str] = {}
    transport: dict[str, str] = {}
    flags = 0
    fields = ip
    for word in text.partition("[")[0].split():
        name, equals, value = word.partition("=")
        fields.setdefault(name, value)
        if name == "PROTO" and equals:
            fields = transport
        elif not equals and fields is transport:
            flags |= FLAGS.get(name, 0)
    if not address(ip.get("SRC")) or not address(ip.get("DST")):
        return None
    named = ip.get("PROTO", "").upper()
    proto = PROTOCOLS.get(named, number(named))
    return TracedPacket(
        src=address(ip["SRC"]),
        dst=address(ip["DST"]),
        proto=proto,
        sport=number(transport.get("SPT")),
        dport=number(transport.get("DPT")),
        icmp_type=number(transport.get("TYPE")),
        icmp_id=number(transport.get("ID")),
        icmp_seq=number(transport.get("SEQ")) if proto != PROTOCOLS["TCP"] else None,
        tcp_seq=number(transport.get("SEQ")) if proto == PROTOCOLS["TCP"] else None,
        tcp_ack=number(transport.get("ACK")),
        tcp_flags=flags if proto == PROTOCOLS["TCP"] else None,
        ip_id=number(ip.get("ID")),
        ttl=number(ip.get("TTL") or ip.get("HOPLIMIT")),
        length=number(ip.get("LEN")),
        mark=number(transport.get("MARK") or ip.get("MARK"), 0),
        iif=ip.get("IN") or None,
        oif=ip.get("OUT") or None,
        fragment=any(word.startswith("FRAG:") for word in ip),
    )
