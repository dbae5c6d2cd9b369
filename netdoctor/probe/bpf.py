"""Classic BPF programs (kernel: Documentation/networking/filter.rst), put together from alternatives.

A packet is taken where all conditions of one alternative hold. A load beyond the end of the packet ends a program with
"not taken", so an alternative begins with the length it needs.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from netdoctor.facts.links import Record

BPF_LD, BPF_JMP, BPF_RET, BPF_ALU = 0x00, 0x05, 0x06, 0x04
BPF_W, BPF_H, BPF_B = 0x00, 0x08, 0x10
BPF_ABS, BPF_LEN = 0x20, 0x80
BPF_AND, BPF_JEQ, BPF_JGE = 0x50, 0x10, 0x30
_SIZES = {1: BPF_B, 2: BPF_H, 4: BPF_W}
#: The kernel takes programs of at most this many instructions (BPF_MAXINSNS).
LONGEST = 4096

Instruction = tuple[int, int, int, int]


class Equal(Record, frozen=True):
    """`size` bytes (1, 2 or 4) at `offset`, under `mask` where one is given, equal one of `values`."""

    size: int
    offset: int
    values: tuple[int, ...]
    mask: int | None = None


Alternative = tuple[Equal, ...]


def program(alternatives: Sequence[Alternative], taken: int) -> bytes:
    """Return the program, as an array of struct sock_filter, that takes `taken` bytes of what any alternative fits.

    Raises ValueError where it would be longer than the kernel allows.
    """
    code: list[Instruction] = []
    for tests in alternatives:
        code += _alternative(tests, taken)
    code.append((BPF_RET, 0, 0, 0))
    if len(code) > LONGEST:
        raise ValueError(f"{len(code)} instructions")
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def _alternative(tests: Alternative, taken: int) -> list[Instruction]:
    """The conditions in turn; each one that fails jumps behind the last instruction."""
    needed = max(test.offset + test.size for test in tests)
    code: list[Instruction] = [(BPF_LD | BPF_W | BPF_LEN, 0, 0, 0), (BPF_JMP | BPF_JGE, 0, _FAIL, needed)]
    for test in tests:
        code.append((BPF_LD | _SIZES[test.size] | BPF_ABS, 0, 0, test.offset))
        if test.mask is not None:
            code.append((BPF_ALU | BPF_AND, 0, 0, test.mask))
        last = len(test.values) - 1
        for number, value in enumerate(test.values):
            code.append((BPF_JMP | BPF_JEQ, last - number, 0 if number < last else _FAIL, value))
    code.append((BPF_RET, 0, 0, taken))
    return [
        (operation, true, len(code) - position - 1 if false == _FAIL else false, operand)
        for position, (operation, true, false, operand) in enumerate(code)
    ]


#: Stands for "to the next alternative" until the length of this one is known.
_FAIL = -1
