"""Legacy iptables, ip6tables and arptables tables that hold rules or a policy other than ACCEPT.

Read as iptables-legacy-save reads them, through getsockopt(2) (include/uapi/linux/netfilter_ipv4/ip_tables.h and
its IPv6 and ARP twins), but only for tables that /proc/net lists: naming another one would create it. No tool is
needed, nothing is locked, and no counter is touched.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

from netdoctor.collect.access import Access
from netdoctor.facts.records import Ruleset


class Backend(NamedTuple):
    """One of the three: where its tables are listed, how they are asked for, and how an entry is laid out.

    `target_offset` is where struct *t_entry keeps target_offset; next_offset (16 bits too) follows it.
    """

    family: str
    names: str
    socket_family: int
    level: int
    get_info: int
    target_offset: int
    save: str


IPT, IP6T, ARPT = (
    Backend("ip", "ip_tables_names", socket.AF_INET, socket.IPPROTO_IP, 64, 88, "iptables-legacy-save"),
    Backend(
        "ip6", "ip6_tables_names", socket.AF_INET6, socket.IPPROTO_IPV6, 64, 140, "ip6tables-legacy-save"
    ),
    Backend("arp", "arp_tables_names", socket.AF_INET, socket.IPPROTO_IP, 96, 164, "arptables-legacy-save"),
)

#: struct ipt_getinfo: name, valid_hooks, hook_entry[5], underflow[5], num_entries, size. arpt has three hooks.
_INFO = {
    "ip": struct.Struct("=32sI5I5III"),
    "ip6": struct.Struct("=32sI5I5III"),
    "arp": struct.Struct("=32sI3I3III"),
}
_ENTRIES_HEADER = 40  # struct ipt_get_entries: name, size, and the padding before the table
_ACCEPT = -2  # NF_ACCEPT as a standard target writes it: -verdict - 1
_RETURN = -5

_libc = ctypes.CDLL(None, use_errno=True)


def read(access: Access) -> Iterator[Ruleset]:
    """Yield one ruleset for every loaded table that does something. Raises OSError."""
    for backend, names in access.run(_loaded):
        tables = access.run(lambda b=backend, n=names: [(name, _blob(b, name)) for name in n])  # type: ignore[misc]
        for name, (hooks, blob) in tables:
            rules, policies = count(backend, hooks, blob)
            if rules or policies:
                yield _ruleset(backend, name, rules, policies)


def _loaded() -> list[tuple[Backend, list[str]]]:
    """Return the backends that have tables in the thread's namespace, with the names of these."""
    loaded = []
    for backend in (IPT, IP6T, ARPT):
        try:
            with open(f"/proc/thread-self/net/{backend.names}", encoding="ascii") as file:
                names = file.read().split()
        except FileNotFoundError:
            continue
        if names:
            loaded.append((backend, names))
    return loaded


def _blob(backend: Backend, name: str) -> tuple[list[int], bytes]:
    """Return the offsets of the policies of a table, and its entries. Raises OSError."""
    with socket.socket(backend.socket_family, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        layout = _INFO[backend.family]
        request = name.encode()[:31].ljust(layout.size, b"\0")
        _, valid, *rest = layout.unpack(_getsockopt(raw, backend.level, backend.get_info, request))
        hooks, size = len(rest) // 2 - 1, rest[-1]
        underflows = [rest[hooks + n] for n in range(hooks) if valid & 1 << n]
        request = struct.pack("=32sI4x", name.encode()[:31], size).ljust(_ENTRIES_HEADER + size, b"\0")
        answer = _getsockopt(raw, backend.level, backend.get_info + 1, request)
        return underflows, answer[_ENTRIES_HEADER:]


def _getsockopt(raw: socket.socket, level: int, option: int, request: bytes) -> bytes:
    """getsockopt(2) with a value that goes in as well, which the socket module cannot do."""
    value = ctypes.create_string_buffer(request, len(request))
    size = ctypes.c_uint32(len(request))
    if _libc.getsockopt(raw.fileno(), level, option, value, ctypes.byref(size)):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return value.raw


def count(backend: Backend, underflows: list[int], blob: bytes) -> tuple[int, int]:
    """Return how many rules a table holds, and how many of its policies are not ACCEPT.

    Besides the rules there are: a policy for every hook, an ERROR entry that names each user chain and a RETURN
    entry that ends it, and an ERROR entry that ends the table.
    """
    rules = policies = chains = offset = 0
    while offset + backend.target_offset + 4 <= len(blob):
        target, step = struct.unpack_from("=HH", blob, offset + backend.target_offset)
        if step == 0:
            break
        name = blob[offset + target + 2 : offset + target + 31].split(b"\0")[0]
        if offset in underflows:
            policies += struct.unpack_from("=i", blob, offset + target + 32)[0] != _ACCEPT
        elif name == b"ERROR":
            chains += 1
        else:
            rules += 1
        offset += step
    return rules - max(chains - 1, 0), policies


def _ruleset(backend: Backend, name: str, rules: int, policies: int) -> Ruleset:
    counts = [f"{rules} rule{'s' * (rules != 1)}"]
    if policies:
        counts.append(f"{policies} polic{'ies' if policies != 1 else 'y'} other than ACCEPT")
    return Ruleset(
        kind="iptables",
        family=backend.family,
        detail=f"legacy table {backend.family} {name} ({', '.join(counts)})",
        command=(backend.save, "-c"),
    )
