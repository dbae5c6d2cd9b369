"""Taps: packet sockets (packet(7)) with a filter for just this probe, one in each namespace concerned.

One socket that is bound to no device sees all devices of its namespace, those that come by later too; so a bridge that
floods to 250 ports costs one socket, and a packet that leaves by a device nobody predicted is seen as well. All of them
stamp packets with one clock, so that what they saw can be put in order.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from netdoctor.facts.links import Record
from netdoctor.facts.observed import LinkLayer
from netdoctor.probe.rawsocket import attach, bind_all, receive

SO_RCVBUFFORCE, SO_TIMESTAMPNS = 33, 35
SOL_PACKET, PACKET_STATISTICS = 263, 6
PACKET_OTHERHOST, PACKET_OUTGOING = 3, 4
#: Bytes kept of a packet: the marks quoted by an ICMP error in a tunnel in a tunnel end at 204 (IPv6 inside).
KEPT = 256
#: And of one that is written to a file: a jumbo frame.
WHOLE = 9216
_BUFFER = 1 << 20
_CLOSERS = 32


class Capture(Record, frozen=True):
    """A packet as a tap caught it. `time` in nanoseconds, `data` from the network header on."""

    time: int
    inode: int
    ifindex: int
    out: bool
    stray: bool
    data: bytes
    link: LinkLayer


class Tap:
    """One tap. Make it inside the namespace `inode`; it may be read from anywhere. Raises OSError.

    `code` is its filter, `kept` how many bytes of a packet are read at most.
    """

    def __init__(self, inode: int, code: bytes, kept: int = KEPT) -> None:
        self.inode = inode
        self._kept = kept
        # Of no protocol, it hears nothing until the filter is in place and it is bound.
        self._sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, 0)
        try:
            attach(self._sock, code)
            self._sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, _BUFFER)
            self._sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            bind_all(self._sock)
        except OSError:
            self._sock.close()
            raise

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._sock.fileno()

    def read(self) -> list[Capture]:
        """Return what has been caught since, without waiting."""
        found: list[Capture] = []
        while True:
            try:
                got = receive(self._sock, self._kept)
            except OSError as error:
                if error.errno == errno.ENETDOWN:  # a device of the namespace is gone; the others go on
                    continue
                return found
            out, stray = got.kind == PACKET_OUTGOING, got.kind == PACKET_OTHERHOST
            link = LinkLayer(got.ethertype, got.arptype, got.kind, got.lladdr)
            found.append(Capture(got.time, self.inode, got.ifindex, out, stray, got.data, link))

    def lost(self) -> int:
        """Return how many packets there was no room for, since this was last asked."""
        _, drops = struct.unpack("II", self._sock.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        return int(drops)

    def close(self) -> None:
        """Take the tap away."""
        self._sock.close()


def close_all(taps: Sequence[Tap]) -> None:
    """Close taps side by side: the kernel waits at each for all processors to have let go of it, some 10 ms."""
    if taps:
        with ThreadPoolExecutor(min(len(taps), _CLOSERS)) as pool:
            for closed in [pool.submit(tap.close) for tap in taps]:
                closed.result()
