"""BPF programs attached to devices by tcx (bpf(2), BPF_PROG_QUERY; kernel/bpf/tcx.c). XDP is a fact of the link."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterator

from netdoctor.collect.access import Access
from netdoctor.collect.requests import DUMPS, ifindex_of
from netdoctor.facts.records import Ruleset

BPF_PROG_QUERY = 16
DIRECTIONS = {"ingress": 46, "egress": 47}  # BPF_TCX_INGRESS, BPF_TCX_EGRESS
SYSCALL = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "ppc64le": 361, "s390x": 351}

#: union bpf_attr.query: target_ifindex, attach_type, query_flags, attach_flags, prog_ids, count, and newer fields.
_QUERY = struct.Struct("=IIIIQIIQQQQ")

_libc = ctypes.CDLL(None, use_errno=True)


def read(access: Access) -> Iterator[Ruleset]:
    """Yield a ruleset for every device and direction with programs. Raises OSError; ENOSYS on other machines."""
    number = SYSCALL.get(platform.machine())
    if number is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    indexes = [ifindex_of(message) for message in access.route.dump(*DUMPS["links"]).messages()]
    for ifindex, direction, programs in access.run(lambda: _programs(number, indexes)):
        yield Ruleset(
            kind="bpf",
            family=direction,
            detail=f"{programs} BPF program{'s' * (programs != 1)} on {direction}",
            command=("bpftool", "net", "show"),
            ifindex=ifindex,
        )


def _programs(number: int, indexes: list[int]) -> list[tuple[int, str, int]]:
    """Return (ifindex, direction, how many) of the programs in the thread's namespace. Raises OSError."""
    found = []
    for ifindex in indexes:
        for direction, attach_type in DIRECTIONS.items():
            programs = _query(number, ifindex, attach_type)
            if programs:
                found.append((ifindex, direction, programs))
    return found


def _query(number: int, ifindex: int, attach_type: int) -> int:
    attr = ctypes.create_string_buffer(
        _QUERY.pack(ifindex, attach_type, 0, 0, 0, 0, 0, 0, 0, 0, 0), _QUERY.size
    )
    if _libc.syscall(number, BPF_PROG_QUERY, attr, _QUERY.size):
        error = ctypes.get_errno()
        if error in (errno.ENOENT, errno.ENODEV):
            return 0  # nothing attached, or the device has gone
        raise OSError(error, os.strerror(error))
    count: int = _QUERY.unpack(attr.raw)[5]
    return count
