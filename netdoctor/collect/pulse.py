"""What changes without a word to anybody, looked at again and again: told apart by what it was the last time.

The kernel notifies nobody of legacy tables, of most sysctls, of sockets that begin to listen, and of ipsets. Each is
read here in the cheapest form that shows a change, and without loading a table that is not loaded.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from collections.abc import Iterable
from contextlib import suppress
from hashlib import blake2b
from sys import byteorder

from netdoctor.collect import sysctls
from netdoctor.collect.access import Access
from netdoctor.collect.sockets import read_sockets

#: include/uapi/linux/netfilter_ipv4/ip_tables.h
_GET_INFO, _GET_ENTRIES = 64, 65
_NAMES = "/proc/thread-self/net/ip_tables_names"
#: struct ipt_getinfo: the name, the hooks, where each begins and ends, how many entries, how many bytes they take.
_INFO = struct.Struct("=32sI5I5III")
#: struct ipt_get_entries before its entries; of each of these, where its length and its counters are.
_HEAD, _NEXT, _COUNTERS, _COUNTERS_END, _ENTRY = 40, 90, 96, 112, 112

_libc = ctypes.CDLL(None, use_errno=True)

#: What was looked at → what it is, as something that can be compared.
Pulse = dict[str, object]


#: Of a larger table the rules are gone through only when there is time for it: a thousand take some seven milliseconds.
MANY = 1000


def take(
    access: Access,
    wanted: Iterable[str],
    listener: tuple[str, int] | None = None,
    before: Pulse | None = None,
    thorough: bool = True,
) -> Pulse:
    """Look at one namespace: sysctls by name, the legacy tables, and who listens at a port (protocol, port).

    What may not be looked at is left out. Not `thorough`, the rules of a large table count as they were `before`; that
    it has become longer or shorter shows all the same. Raises OSError where the namespace cannot be entered.
    """
    names = tuple(wanted)
    known = before or {}
    values, found = access.run(lambda: (sysctls.read(names), _tables(known, thorough)))
    found.update((f"sysctl {name}", value) for name, value in values.items())
    if listener is not None:
        with suppress(OSError):
            found[f"what listens at {listener[0]} port {listener[1]}"] = _listening(access, *listener)
    return found


def differing(before: Pulse, after: Pulse) -> list[str]:
    """Return what is not as it was: what came, what went, what changed."""
    return [what for what in {**before, **after} if before.get(what) != after.get(what)]


def _listening(access: Access, proto: str, port: int) -> tuple[object, ...]:
    found = (one for one in read_sockets(access) if (one.proto, one.port) == (proto, port))
    return tuple(sorted((one.family, one.address, one.ifindex, one.v6only) for one in found))


def _tables(before: Pulse, thorough: bool) -> Pulse:
    """The legacy tables of IPv4 that are loaded where the thread is: their sizes, and digests of their rules."""
    try:
        with open(_NAMES, encoding="ascii") as file:
            names = file.read().split()
    except OSError:
        return {}
    if not names:
        return {}
    found: Pulse = {}
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as sock:
        for name in names:
            info = _INFO.unpack(_asked(sock.fileno(), _GET_INFO, name.encode(), _INFO.size))[1:]
            rules = f"the rules of the legacy table {name}"
            found[f"the legacy table {name}"] = info
            read = thorough or info[-2] <= MANY or rules not in before
            found[rules] = _digest(sock.fileno(), name.encode(), info[-1]) if read else before[rules]
    return found


def _digest(fd: int, name: bytes, size: int) -> bytes:
    """A digest of the rules of a table without their counters. Raises OSError."""
    asked = name.ljust(32, b"\0") + struct.pack("=I", size)
    entries = memoryview(_asked(fd, _GET_ENTRIES, asked, _HEAD + size))[_HEAD:]
    rules = blake2b(digest_size=16)
    offset = 0
    while offset + _ENTRY <= size:
        following = int.from_bytes(entries[offset + _NEXT : offset + _NEXT + 2], byteorder)
        rules.update(entries[offset : offset + _COUNTERS])
        rules.update(entries[offset + _COUNTERS_END : offset + max(following, _ENTRY)])
        offset += max(following, _ENTRY)
    return rules.digest()


def _asked(fd: int, option: int, argument: bytes, length: int) -> bytes:
    """Call getsockopt(2) with an argument in its buffer, which Python's own cannot, nor more than 1024 bytes."""
    buffer = ctypes.create_string_buffer(argument, length)
    size = ctypes.c_uint(length)
    if _libc.getsockopt(fd, socket.IPPROTO_IP, option, buffer, ctypes.byref(size)):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return buffer.raw[: size.value]
