"""Netlink as bytes: requests, dumps, and the few header fields that tell which messages are worth decoding.

Everything here is struct arithmetic on the wire format of include/uapi/linux/{netlink,rtnetlink}.h. Decoding a
message into a record is done elsewhere, on demand, for the messages that a question needs.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress

NETLINK_ROUTE = 0
NETLINK_XFRM = 6
NETLINK_NETFILTER = 12

NLMSG_ERROR = 2
NLMSG_DONE = 3
NLM_F_REQUEST = 0x1
NLM_F_DUMP = 0x300
NLM_F_DUMP_INTR = 0x10

SOL_NETLINK = 270
NETLINK_GET_STRICT_CHK = 12

#: How often a dump is repeated that the kernel calls inconsistent; a system changing faster than this is taken as
#: it is.
RETRIES = 8

HEADER = struct.Struct("=IHHII")
ATTRIBUTE = struct.Struct("=HH")
NLA_F_NESTED = 0x8000
NLA_TYPE_MASK = 0x3FFF
_BUFFER = 1 << 18


def attribute(kind: int, value: bytes) -> bytes:
    """Return one netlink attribute, padded to four bytes."""
    return ATTRIBUTE.pack(len(value) + 4, kind) + value + bytes(-len(value) % 4)


def attributes(data: bytes, offset: int) -> dict[int, bytes]:
    """Return the attributes of `data` from `offset` on by type; of a repeated one, the last."""
    return dict(each_attribute(data, offset))


def each_attribute(data: bytes, offset: int = 0) -> Iterator[tuple[int, bytes]]:
    """Yield (type, value) of every attribute of `data` from `offset` on; stops at what is malformed."""
    end = len(data)
    while offset + 4 <= end:
        length, kind = ATTRIBUTE.unpack_from(data, offset)
        if length < 4 or offset + length > end:
            return
        yield kind & NLA_TYPE_MASK, data[offset + 4 : offset + length]
        offset += (length + 3) & ~3


def split(datagram: bytes) -> Iterator[bytes]:
    """Yield the messages of a datagram, each with its header."""
    offset, end = 0, len(datagram)
    while offset + 16 <= end:
        (length,) = struct.unpack_from("=I", datagram, offset)
        if length < 16:
            return
        yield datagram[offset : offset + length]
        offset += (length + 3) & ~3


class Dump:
    """The answer to a dump request, undecoded. `interrupted`: the kernel called every attempt inconsistent."""

    def __init__(self, datagrams: list[bytes], interrupted: bool = False) -> None:
        self.datagrams = datagrams
        self.interrupted = interrupted
        self._messages: list[bytes] | None = None

    def messages(self) -> list[bytes]:
        """Return all messages, in the kernel's order."""
        if self._messages is None:
            self._messages = [m for d in self.datagrams for m in split(d) if m[4] > NLMSG_DONE or m[5]]
        return self._messages

    def holding(self, needle: bytes) -> Iterable[bytes]:
        """Return the messages that contain `needle` anywhere: more than those that mean it, found at memory speed."""
        if self._messages is None and not any(needle in datagram for datagram in self.datagrams):
            return ()
        return [m for m in self.messages() if needle in m]


class Conversation:
    """One netlink socket, used for one request at a time.

    The socket belongs to the namespace in which the thread was when the object was made.
    """

    def __init__(self, protocol: int = NETLINK_ROUTE) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        self._socket.bind((0, 0))
        self._sequence = 0
        with suppress(OSError):  # before Linux 4.20 the kernel filters no dump; every reader filters again
            self._socket.setsockopt(SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def dump(self, kind: int, body: bytes) -> Dump:
        """Dump one table, again if the kernel says that it changed meanwhile (NLM_F_DUMP_INTR). Raises OSError."""
        for _ in range(RETRIES):
            datagrams, interrupted = self._dump_once(kind, body)
            if not interrupted:
                break
        return Dump(datagrams, interrupted)

    def _send(self, kind: int, flags: int, body: bytes) -> None:
        self._sequence += 1
        self._socket.send(HEADER.pack(16 + len(body), kind, NLM_F_REQUEST | flags, self._sequence, 0) + body)

    def _dump_once(self, kind: int, body: bytes) -> tuple[list[bytes], bool]:
        self._send(kind, NLM_F_DUMP, body)
        datagrams: list[bytes] = []
        interrupted = False
        while True:
            datagram = self._socket.recv(_BUFFER)
            flags, done = _inspect(datagram, self._sequence)
            if done is None:
                continue
            datagrams.append(datagram)
            interrupted |= bool(flags & NLM_F_DUMP_INTR)
            if done:
                return datagrams, interrupted

    def get(self, kind: int, body: bytes) -> bytes:
        """Ask for one object and return its message. Raises OSError with the kernel's error number."""
        self._send(kind, 0, body)
        while True:
            for message in split(self._socket.recv(_BUFFER)):
                _, answer, _, sequence, _ = HEADER.unpack_from(message)
                if sequence != self._sequence:
                    continue
                if answer == NLMSG_ERROR:
                    raise _error(message)
                return message

    def ask_many(self, kind: int, bodies: list[bytes]) -> list[bytes | None]:
        """Ask many questions in one send; the answers in their order, None where the kernel refused."""
        if not bodies:  # the kernel refuses to be sent nothing (ENODATA, netlink_sendmsg())
            return []
        first = self._sequence + 1
        self._sequence += len(bodies)
        self._socket.send(
            b"".join(
                HEADER.pack(16 + len(body), kind, NLM_F_REQUEST, first + number, 0) + body
                for number, body in enumerate(bodies)
            )
        )
        answers: list[bytes | None] = [None] * len(bodies)
        waiting = len(bodies)
        while waiting:
            for message in split(self._socket.recv(_BUFFER)):
                _, answer, _, sequence, _ = HEADER.unpack_from(message)
                if first <= sequence < first + len(bodies):
                    answers[sequence - first] = None if answer == NLMSG_ERROR else message
                    waiting -= 1
        return answers


def _error(message: bytes) -> OSError:
    number = -struct.unpack_from("=i", message, 16)[0]
    return OSError(number, os.strerror(number))


def _inspect(datagram: bytes, sequence: int) -> tuple[int, bool | None]:
    """Return all header flags of a datagram, and whether it ends the dump (None: it answers an older request).

    NLM_F_DUMP_INTR may stand on NLMSG_DONE alone, so all headers are looked at. Raises OSError for NLMSG_ERROR.
    """
    flags, offset, end = 0, 0, len(datagram)
    while offset + 16 <= end:
        length, kind, own, number, _ = HEADER.unpack_from(datagram, offset)
        if number != sequence:
            return 0, None
        if kind == NLMSG_ERROR:
            raise _error(datagram[offset:])
        if kind == NLMSG_DONE:
            status = struct.unpack_from("=i", datagram, offset + 16)[0] if length >= 20 else 0
            if status < 0:
                raise OSError(-status, os.strerror(-status))
            return flags | own, True
        flags |= own
        offset += max((length + 3) & ~3, 16)
    return flags, False
