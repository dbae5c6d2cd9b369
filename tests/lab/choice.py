"""Which faults are tried on this kernel, and which only."""

from __future__ import annotations

import os

from netdoctor.lab import Fault, kinds, load_networks

#: Environment: device kinds, with commas. Only faults that need one of them are tried, as in the virtual machine.
ONLY_KINDS = "NETDOCTOR_LAB_KINDS"


def needed(fault: Fault) -> frozenset[str]:
    """The device kinds of a fault that not every kernel has."""
    return kinds.needed(load_networks()[fault.network], fault)


def wanted(fault: Fault) -> bool:
    """Whether it is among those asked for."""
    only = set(os.environ.get(ONLY_KINDS, "").split(",")) - {""}
    return not only or bool(only & needed(fault))


def lacking(fault: Fault) -> tuple[str, ...]:
    """The device kinds that it needs and this kernel has not. Needs root."""
    return kinds.absent(needed(fault))
