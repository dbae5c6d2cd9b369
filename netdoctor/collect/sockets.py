"""Sockets of a namespace: inet_diag dumps over NETLINK_SOCK_DIAG (sock_diag(7), include/uapi/linux/inet_diag.h).

The kernel filters by state, so that only listeners and bound sockets are sent, whatever else is open in the namespace.
"""

from __future__ import annotations

import errno
import struct
from ipaddress import IPv6Address, ip_address

from netdoctor.collect.access import Access
from netdoctor.collect.netlink import Conversation, attributes
from netdoctor.facts.records import AF_INET, AF_INET6
from netdoctor.facts.sockets import Socket

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
INET_DIAG_SKV6ONLY = 11

TCP_CLOSE = 7
TCP_LISTEN = 10

#: struct inet_diag_req_v2: family, protocol, extensions, states; the socket id behind it matches any where it is zero.
_REQUEST = struct.Struct("=BBBxI48x")
#: struct inet_diag_msg: family, state, source port (network order), source address, ifindex, then the counters.
_MESSAGE = struct.Struct("=BBxx2s2x16s16xI8x4xIIII")
_BODY = 16

#: Protocol → its number, and the state wanted: a UDP socket that is bound and not connected counts as closed.
WANTED = {"tcp": (6, TCP_LISTEN), "udp": (17, TCP_CLOSE)}
STATES = {TCP_LISTEN: "LISTEN", TCP_CLOSE: "UNCONN"}

#: What a kernel answers that was built without IPv6: there are no such sockets.
NO_SUCH_FAMILY = (errno.EAFNOSUPPORT, errno.EINVAL)


def read_sockets(access: Access) -> tuple[Socket, ...]:
    """Return the TCP sockets that listen and the UDP sockets that are bound, of both families.

    Raises OSError where the namespace may not be entered, or its kernel has no inet_diag (ENOENT, EPROTONOSUPPORT).
    """
    conversation = access.run(lambda: Conversation(NETLINK_SOCK_DIAG))
    try:
        return tuple(
            item
            for proto in WANTED
            for family in (AF_INET, AF_INET6)
            for item in _dump(conversation, proto, family)
        )
    finally:
        conversation.close()


def _dump(conversation: Conversation, proto: str, family: int) -> list[Socket]:
    number, state = WANTED[proto]
    try:
        dump = conversation.dump(SOCK_DIAG_BY_FAMILY, _REQUEST.pack(family, number, 0, 1 << state))
    except OSError as error:
        if family == AF_INET6 and error.errno in NO_SUCH_FAMILY:
            return []
        raise
    return [decoded for message in dump.messages() if (decoded := decode(proto, message)) and decoded.port]


def decode(proto: str, message: bytes) -> Socket | None:
    """Return the socket of one message, header included; None for one that is too short to hold a socket.

    Of a listener idiag_rqueue is how many connections wait and idiag_wqueue how many may (inet_diag_msg_common_fill(),
    tcp_diag_get_info()).
    """
    if len(message) < _BODY + _MESSAGE.size:
        return None
    family, state, port, source, ifindex, rqueue, wqueue, uid, inode = _MESSAGE.unpack_from(message, _BODY)
    flags = attributes(message, _BODY + _MESSAGE.size)
    listening = proto == "tcp"
    return Socket(
        proto=proto,
        family=family,
        address=_text(source if family == AF_INET6 else source[:4]),
        port=int.from_bytes(port, "big"),
        state=STATES.get(state, str(state)),
        backlog=wqueue if listening else 0,
        queued=rqueue if listening else 0,
        v6only=flags.get(INET_DIAG_SKV6ONLY, b"\0")[:1] == b"\1",
        ifindex=ifindex,
        uid=uid,
        inode=inode,
    )


def _text(packed: bytes) -> str:
    """An address as text; one of IPv4 on an IPv6 socket shows both (Python's own form differs between versions)."""
    address = ip_address(packed)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return f"::ffff:{mapped}" if mapped is not None else str(address)
