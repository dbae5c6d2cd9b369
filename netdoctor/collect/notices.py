"""What a namespace says of its changes by itself: the multicast groups of rtnetlink and nf_tables (netlink(7)).

A socket hears of the namespace in which it was opened. Not told by anybody are iptables' legacy tables, most sysctls,
and sockets that begin to listen: `pulse` looks after those.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress

from netdoctor.collect.access import Access
from netdoctor.collect.netlink import NETLINK_NETFILTER, NETLINK_ROUTE, SOL_NETLINK, split
from netdoctor.collect.notice_words import FIREWALL, Notice, read_generation, read_route_message
from netdoctor.facts.host import NamespaceId

_ADD_MEMBERSHIP = 1
_NFNLGRP_NFTABLES = 7
_RCVBUFFORCE = 33
_ATTACH_FILTER = 26
_BUFFER = 1 << 20

#: RTNLGRP_: link, neigh, tc, the addresses, routes, rules and netconf of IPv4, nexthop, bridge VLANs.
GROUPS = (1, 3, 4, 5, 7, 8, 24, 32, 33)
#: The addresses, routes, rules and netconf of IPv6, for a question about it.
GROUPS_IPV6 = (9, 11, 19, 25)

#: A commit of nf_tables is told message by message, a thousand rules in a thousand messages; the last, NFT_MSG_NEWGEN,
#: says that there was one. A classic BPF program over the message type, read as big-endian, lets only that in.
_NEWGEN = 10 << 8 | 15
_ONLY_NEWGEN = b"".join(
    struct.pack("=HBBI", *line)
    for line in (
        (0x28, 0, 0, 4),  # ldh [4]
        (0x15, 0, 1, socket.htons(_NEWGEN)),  # jeq
        (0x06, 0, 0, 0xFFFFFFFF),  # ret all
        (0x06, 0, 0, 0),  # ret nothing
    )
)


class Ear:
    """Hears the changes of one namespace. Raises OSError where it may not be entered (VanishedError: it is gone).

    It keeps the namespace alive until `close`, devices and all: whoever holds one has to look whether others still do.
    """

    def __init__(self, namespace: NamespaceId, six: bool = False) -> None:
        self.namespace = namespace
        self._six = six
        self.access = Access(namespace)
        self._sockets: list[socket.socket] = []
        try:
            self._sockets.append(self.access.run(lambda: _routing((*GROUPS, *(GROUPS_IPV6 if six else ())))))
            with suppress(OSError):  # a kernel without nf_tables
                self._sockets.append(self.access.run(_rules))
        except OSError:
            self.close()
            raise

    def filenos(self) -> list[int]:
        """Return the descriptors to wait for."""
        return [sock.fileno() for sock in self._sockets]

    def hear(self) -> Iterator[Notice]:
        """Yield what has been told since, without waiting; where more came than there was room for, that it did."""
        inode = self.namespace.inode
        for number, sock in enumerate(self._sockets):
            for datagram in _received(sock):
                if datagram is None:
                    yield Notice(inode, "everything", "more changes than could be taken in")
                    continue
                for message in split(datagram):
                    told = self._read(inode, message) if number == 0 else _generation(inode, message)
                    if told is not None:
                        yield told

    def _read(self, inode: int, message: bytes) -> Notice | None:
        return read_route_message(inode, message, self._six)

    def gone(self) -> bool:
        """Tell whether nothing but this object leads to the namespace any more."""
        return not self.namespace.is_host and not any(
            _leads(path, self.namespace.inode) for path in self.namespace.paths
        )

    def close(self) -> None:
        """Let go of the namespace."""
        for sock in self._sockets:
            sock.close()
        self.access.close()


def _leads(path: str, inode: int) -> bool:
    try:
        return os.stat(path).st_ino == inode
    except OSError:
        return False


def _opened(protocol: int) -> socket.socket:
    sock = socket.socket(
        socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, protocol
    )
    try:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, _RCVBUFFORCE, _BUFFER)
        sock.bind((0, 0))
    except OSError:
        sock.close()
        raise
    return sock


def _routing(groups: tuple[int, ...]) -> socket.socket:
    sock = _opened(NETLINK_ROUTE)
    for group in groups:
        with suppress(OSError):  # an older kernel has fewer
            sock.setsockopt(SOL_NETLINK, _ADD_MEMBERSHIP, group)
    return sock


def _rules() -> socket.socket:
    sock = _opened(NETLINK_NETFILTER)
    try:
        code = bytearray(_ONLY_NEWGEN)
        address = (len(code) // 8, _address(code))
        sock.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, struct.pack("@HP", *address))
        sock.setsockopt(SOL_NETLINK, _ADD_MEMBERSHIP, _NFNLGRP_NFTABLES)
    except OSError:
        sock.close()
        raise
    return sock


def _address(code: bytearray) -> int:
    import ctypes

    return ctypes.addressof(ctypes.c_char.from_buffer(code))


def _received(sock: socket.socket) -> Iterator[bytes | None]:
    """Yield what waits in a socket; None where something was lost (ENOBUFS)."""
    while True:
        try:
            yield sock.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                return
            yield None


def _generation(inode: int, message: bytes) -> Notice | None:
    """Tell of a commit of rules; None for one of this very process, which traces."""
    pid, name = read_generation(message)
    if pid == os.getpid():
        return None
    by = f" by {name}" if name else ""
    return Notice(inode, FIREWALL, f"the rules of nf_tables changed{by}")
