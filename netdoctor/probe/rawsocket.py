"""Packet sockets where Python's own are not enough: all devices at once, and devices by number.

Python's socket module knows a device of AF_PACKET by its name alone: it cannot bind to none, and it fails on a name
that is no UTF-8.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from typing import NamedTuple

SO_ATTACH_FILTER = 26
ETH_P_ALL = 3
MSG_DONTWAIT = 0x40
#: struct sockaddr_ll (packet(7)): family, protocol, ifindex, ARP type, packet type, length and bytes of the address.
_ADDRESS = struct.Struct("=HHiHBB8s")
#: Control data: a header, then the time stamp as a struct timespec.
_CONTROL = 64
_STAMP = struct.Struct("=qq")
_HEADER = 16


class Received(NamedTuple):
    """A packet, and what struct sockaddr_ll says of it. `time` in nanoseconds, `lladdr` the sender's."""

    data: bytes
    time: int
    ifindex: int
    kind: int
    ethertype: int
    arptype: int
    lladdr: bytes


_libc = ctypes.CDLL(None, use_errno=True)


class _Vector(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Message(ctypes.Structure):
    """struct msghdr, recvmsg(2)."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("namelen", ctypes.c_uint),
        ("vectors", ctypes.POINTER(_Vector)),
        ("count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("controllen", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


def attach(sock: socket.socket, code: bytes) -> None:
    """Attach a classic BPF program, an array of struct sock_filter (socket(7)). Raises OSError."""
    buffer = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


def bind_all(sock: socket.socket) -> None:
    """Let a packet socket hear every protocol on every device of its namespace. Raises OSError."""
    address = _ADDRESS.pack(socket.AF_PACKET, socket.htons(ETH_P_ALL), 0, 0, 0, 0, b"")
    if _libc.bind(sock.fileno(), address, len(address)):
        _fail()


def receive(sock: socket.socket, size: int) -> Received:
    """Return the next packet, at most `size` bytes of it.

    SO_TIMESTAMPNS has to be set. Raises OSError: BlockingIOError where nothing waits.
    """
    data = ctypes.create_string_buffer(size)
    name = ctypes.create_string_buffer(_ADDRESS.size)
    control = ctypes.create_string_buffer(_CONTROL)
    vector = _Vector(ctypes.addressof(data), size)
    message = _Message(
        ctypes.addressof(name),
        _ADDRESS.size,
        ctypes.pointer(vector),
        1,
        ctypes.addressof(control),
        _CONTROL,
        0,
    )
    length = _libc.recvmsg(sock.fileno(), ctypes.byref(message), MSG_DONTWAIT)
    if length < 0:
        _fail()
    _, ethertype, ifindex, arptype, kind, wide, lladdr = _ADDRESS.unpack(name.raw)
    seconds, nanoseconds = _STAMP.unpack_from(control.raw, _HEADER)
    time = seconds * 1_000_000_000 + nanoseconds
    return Received(data.raw[:length], time, ifindex, kind, socket.ntohs(ethertype), arptype, lladdr[:wide])


def _fail() -> None:
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number))
