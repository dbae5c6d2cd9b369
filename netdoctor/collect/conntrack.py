"""Tracked connections of a namespace: ctnetlink dumps over NETLINK_NETFILTER (include/uapi/linux/netfilter).

Of a large table the kernel picks out what a question is about (CTA_FILTER, since Linux 5.8); an older one sends
everything, so every reader filters again. Nothing is ever changed here.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterable, Iterator

from netdoctor.collect.access import Access
from netdoctor.collect.netlink import NETLINK_NETFILTER, Conversation, attribute, attributes
from netdoctor.facts.connections import DYING, Entry
from netdoctor.facts.host import Missing, NamespaceId

#: A snapshot keeps no more entries of a namespace than this.
MAX_RECORDED = 10_000

#: NFNL_SUBSYS_CTNETLINK and IPCTNL_MSG_CT_GET.
CT_GET = 1 << 8 | 1
NLA_F_NESTED = 0x8000

CTA_TUPLE_ORIG, CTA_TUPLE_REPLY, CTA_STATUS, CTA_PROTOINFO, CTA_MARK, CTA_ZONE, CTA_FILTER = 1, 2, 3, 4, 8, 18, 25
CTA_TUPLE_IP, CTA_TUPLE_PROTO = 1, 2
CTA_IP_V4_SRC, CTA_IP_V4_DST = 1, 2
CTA_PROTO_NUM, CTA_PROTO_SRC_PORT, CTA_PROTO_DST_PORT = 1, 2, 3
CTA_PROTOINFO_TCP, CTA_PROTOINFO_TCP_STATE = 1, 1
CTA_FILTER_ORIG_FLAGS, CTA_FILTER_REPLY_FLAGS = 1, 2
#: CTA_FILTER_F_CTA_IP_SRC, _IP_DST and _PROTO_NUM.
PARTS = 1 << 0 | 1 << 1 | 1 << 3

#: enum tcp_conntrack, in conntrack(8)'s words.
TCP_STATES = (
    "NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT",
    "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE", "SYN_SENT2",
)  # fmt: skip
#: struct nfgenmsg: family, version, resource.
_IPV4 = struct.pack("=BBH", socket.AF_INET, 0, 0)
_BODY = 16 + len(_IPV4)


def read_connections(access: Access, proto: int, src: str, dst: str) -> tuple[Entry, ...]:
    """Return the entries about packets of `proto` from `src` to `dst`, in either direction. Raises OSError."""
    sides = (CTA_TUPLE_ORIG, CTA_TUPLE_REPLY)
    found = [entry for side in sides for entry in _decoded(_read(access, _filter(side, proto, src, dst)))]
    return tuple(entry for entry in dict.fromkeys(found) if entry.joins(proto, src, dst))


def read_all_connections(access: Access, namespace: NamespaceId) -> tuple[tuple[Entry, ...], tuple[Missing, ...]]:
    """Return every IPv4 entry of the namespace; of a table that is too large none, and a note. Raises OSError."""
    messages = _read(access, b"")
    if len(messages) <= MAX_RECORDED:
        return tuple(_decoded(messages)), ()
    why = f"there are {len(messages)}, and a snapshot keeps {MAX_RECORDED}"
    return (), (Missing(f"the tracked connections of {namespace.label}", why, "ask on the live host"),)


def _read(access: Access, wanted: bytes) -> list[bytes]:
    """The messages of a dump; none where the kernel has no ctnetlink."""
    conversation = access.run(lambda: Conversation(NETLINK_NETFILTER))
    try:
        return conversation.dump(CT_GET, _IPV4 + wanted).messages()
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EOPNOTSUPP):
            return []
        raise
    finally:
        conversation.close()


def _decoded(messages: Iterable[bytes]) -> Iterator[Entry]:
    return (entry for message in messages if (entry := decode(message)) is not None)


def _filter(side: int, proto: int, src: str, dst: str) -> bytes:
    ip = attribute(CTA_IP_V4_SRC, socket.inet_aton(src)) + attribute(CTA_IP_V4_DST, socket.inet_aton(dst))
    one = _nested(CTA_TUPLE_IP, ip) + _nested(CTA_TUPLE_PROTO, attribute(CTA_PROTO_NUM, bytes([proto])))
    original = side == CTA_TUPLE_ORIG
    flags = attribute(CTA_FILTER_ORIG_FLAGS, struct.pack("=I", PARTS if original else 0))
    flags += attribute(CTA_FILTER_REPLY_FLAGS, struct.pack("=I", 0 if original else PARTS))
    return _nested(side, one) + _nested(CTA_FILTER, flags)


def _nested(kind: int, value: bytes) -> bytes:
    return attribute(kind | NLA_F_NESTED, value)


def decode(message: bytes) -> Entry | None:
    """Return the entry of one message, header included; None for one that is on its way out, or of no form known."""
    parts = attributes(message, _BODY)
    original, reply = _tuple(parts.get(CTA_TUPLE_ORIG, b"")), _tuple(parts.get(CTA_TUPLE_REPLY, b""))
    status = _number(parts.get(CTA_STATUS, b""))
    if original is None or reply is None or status & DYING:
        return None
    proto, src, dst, sport, dport = original
    _, reply_src, reply_dst, reply_sport, reply_dport = reply
    back = (reply_src, reply_dst, reply_sport, reply_dport)
    zone, mark = _number(parts.get(CTA_ZONE, b"")), _number(parts.get(CTA_MARK, b""))
    return Entry(proto, src, dst, sport, dport, *back, zone, mark, status, _state(parts.get(CTA_PROTOINFO, b"")))


def _tuple(value: bytes) -> tuple[int, str, str, int, int] | None:
    parts = attributes(value, 0)
    ip, proto = attributes(parts.get(CTA_TUPLE_IP, b""), 0), attributes(parts.get(CTA_TUPLE_PROTO, b""), 0)
    src, dst, number = ip.get(CTA_IP_V4_SRC, b""), ip.get(CTA_IP_V4_DST, b""), proto.get(CTA_PROTO_NUM, b"")
    if len(src) != 4 or len(dst) != 4 or not number:
        return None
    ports = (_number(proto.get(kind, b"")) for kind in (CTA_PROTO_SRC_PORT, CTA_PROTO_DST_PORT))
    return number[0], socket.inet_ntoa(src), socket.inet_ntoa(dst), *ports  # type: ignore[return-value]


def _state(value: bytes) -> str:
    tcp = attributes(attributes(value, 0).get(CTA_PROTOINFO_TCP, b""), 0).get(CTA_PROTOINFO_TCP_STATE, b"")
    return TCP_STATES[tcp[0]] if tcp and tcp[0] < len(TCP_STATES) else ""


def _number(value: bytes) -> int:
    """Ctnetlink writes numbers in network order."""
    return int.from_bytes(value, "big")
