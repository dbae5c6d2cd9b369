"""BPF programs attached to devices by tcx (bpf(2), BPF_PROG_QUERY; kernel/bpf/tcx.c). XDP is a fact of the link."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterator
from sys import byteorder

from netdoctor.collect.access import Access
from netdoctor.collect.requests import DUMPS, ifindex_of
from netdoctor.facts.records import Ruleset

BPF_PROG_GET_NEXT_ID, BPF_PROG_GET_FD_BY_ID, BPF_OBJ_GET_INFO_BY_FD, BPF_PROG_QUERY = 11, 13, 15, 16
BPF_PROG_TYPE_SCHED_CLS = 3
DIRECTIONS = {"ingress": 46, "egress": 47}  # BPF_TCX_INGRESS, BPF_TCX_EGRESS
SYSCALL = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "ppc64le": 361, "s390x": 351}

#: Members of union bpf_attr: `query` (target_ifindex, attach_type, query_flags, attach_flags, prog_ids, count, and
#: newer fields), the one for ids (start, next, flags), and `info` (descriptor, length, address).
_QUERY = struct.Struct("=IIIIQIIQQQQ")
_ID = struct.Struct("=III")
_INFO = struct.Struct("=IIQ")

_libc = ctypes.CDLL(None, use_errno=True)


def read(access: Access) -> Iterator[Ruleset]:
    """Yield a ruleset for every device and direction with programs. Raises OSError; ENOSYS on other machines.

    Two system calls a device are the larger part of reading a node's rulesets (4 of 6 ms with 250 pods), so the devices
    are asked only where some program on this machine is of the type that tcx takes.
    """
    if not _any_classifier():
        return
    indexes = [ifindex_of(message) for message in access.route.dump(*DUMPS["links"]).messages()]
    for ifindex, direction, programs in access.run(lambda: _programs(indexes)):
        yield Ruleset(
            kind="bpf",
            family=direction,
            detail=f"{programs} BPF program{'s' * (programs != 1)} on {direction}",
            command=("bpftool", "net", "show"),
            ifindex=ifindex,
        )


def _bpf(command: int, attr: bytes) -> tuple[int, bytes]:
    """bpf(2): returns its result and the attributes as the kernel left them. Raises OSError."""
    number = SYSCALL.get(platform.machine())
    if number is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    value = ctypes.create_string_buffer(attr, len(attr))
    result: int = _libc.syscall(number, command, value, len(attr))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result, value.raw


def _any_classifier() -> bool:
    """Tell whether a program that tcx could run is loaded at all; True where that may not be seen."""
    try:
        return any(_type(program) == BPF_PROG_TYPE_SCHED_CLS for program in _program_ids())
    except PermissionError:
        return True


def _program_ids() -> Iterator[int]:
    program = 0
    while True:
        try:
            _, attr = _bpf(BPF_PROG_GET_NEXT_ID, _ID.pack(program, 0, 0))
        except FileNotFoundError:
            return
        program = _ID.unpack(attr)[1]
        yield program


def _type(program: int) -> int | None:
    """The type of a program (the first field of struct bpf_prog_info), or None if it has just been unloaded."""
    try:
        fd, _ = _bpf(BPF_PROG_GET_FD_BY_ID, _ID.pack(program, 0, 0))
    except FileNotFoundError:
        return None
    try:
        info = ctypes.create_string_buffer(8)
        _bpf(BPF_OBJ_GET_INFO_BY_FD, _INFO.pack(fd, len(info), ctypes.addressof(info)))
        return int.from_bytes(info.raw[:4], byteorder)
    finally:
        os.close(fd)


def _programs(indexes: list[int]) -> list[tuple[int, str, int]]:
    """Return (ifindex, direction, how many) of the programs in the thread's namespace. Raises OSError."""
    found = []
    for ifindex in indexes:
        for direction, attach_type in DIRECTIONS.items():
            programs = _query(ifindex, attach_type)
            if programs:
                found.append((ifindex, direction, programs))
    return found


def _query(ifindex: int, attach_type: int) -> int:
    try:
        _, attr = _bpf(BPF_PROG_QUERY, _QUERY.pack(ifindex, attach_type, 0, 0, 0, 0, 0, 0, 0, 0, 0))
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENODEV):
            return 0  # nothing attached, or the device has gone
        raise
    count: int = _QUERY.unpack(attr)[5]
    return count
