"""What a kernel said of the rules that a packet met (TRACE): events, as read live or from what somebody collected.

Sources: net/netfilter/nf_tables_trace.c, net/ipv4/netfilter/ip_tables.c trace_packet(), iptables-extensions(8) TRACE.
"""

from __future__ import annotations

from typing import Literal

from netdoctor.facts.links import Record

#: What a running trace puts in place for itself bears these names; it is no part of the host's rules.
OWN_TABLE = "netdoctor-"
OWN_COMMENT = "netdoctor:"

Kind = Literal["rule", "return", "policy"]
Leg = Literal["request", "reply"]


class TracedPacket(Record, frozen=True):
    """The packet as a chain got it; a field that the source does not tell is None.

    Addresses are text, `proto` is the number of the transport protocol. `icmp_type`, `icmp_id` and `icmp_seq` are an
    ICMP message's, `tcp_seq` and `tcp_ack` a TCP segment's; `payload` is what is known of the bytes behind the
    transport header. `vni` is set on a VXLAN packet. `ip_id` is the identification of the IP header. `iif` and `oif`
    are names of devices, or as the kernel numbers them (`ifindex N`).
    """

    src: str = ""
    dst: str = ""
    proto: int | None = None
    sport: int | None = None
    dport: int | None = None
    icmp_type: int | None = None
    icmp_id: int | None = None
    icmp_seq: int | None = None
    tcp_seq: int | None = None
    tcp_ack: int | None = None
    tcp_flags: int | None = None
    payload: bytes = b""
    vni: int | None = None
    ip_id: int | None = None
    ttl: int | None = None
    length: int | None = None
    mark: int | None = None
    iif: str | None = None
    oif: str | None = None
    fragment: bool = False


class TraceEvent(Record, frozen=True):
    """One rule that matched (`rule`), the end of a chain (`return`) or of a base chain (`policy`).

    `namespace` is the inode, None where the source does not say. A rule is named by `number` (legacy), by `handle`
    (nft), or only by its `text` as the source prints it. Legacy events have no verdict. `verdict` is in small letters,
    a jump with its chain (`jump KUBE-SERVICES`). Events of one base chain passed by one packet bear the same `run`;
    `leg` says whether it is the question's packet or its answer, where that is known.
    """

    backend: Literal["nft", "legacy"]
    family: str
    table: str
    chain: str
    kind: Kind
    run: int
    number: int | None = None
    handle: int | None = None
    text: str = ""
    verdict: str | None = None
    packet: TracedPacket | None = None
    namespace: int | None = None
    leg: Leg | None = None
