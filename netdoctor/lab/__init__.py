"""Practice networks, built for real in network namespaces, and faults to put into them.

A network and a fault are data (`netdoctor_fixtures`); this package builds them, breaks them, asks the kernel with a
real ping, and takes everything away again. All that changes the system goes through `gate`, which serves the lab's own
namespaces and refuses every other.
"""

from __future__ import annotations

from netdoctor.lab.fixtures import load_faults, load_networks
from netdoctor.lab.gate import Gate, LabError, Refused
from netdoctor.lab.lab import PREFIX, Lab
from netdoctor.lab.records import Asking, Cause, Expectation, Fault, FixtureError, Network, Role
from netdoctor.lab.script import Command

__all__ = [
    "PREFIX",
    "Asking",
    "Cause",
    "Command",
    "Expectation",
    "Fault",
    "FixtureError",
    "Gate",
    "Lab",
    "LabError",
    "Network",
    "Refused",
    "Role",
    "load_faults",
    "load_networks",
]
