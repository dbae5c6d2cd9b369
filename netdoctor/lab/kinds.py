"""Which device kinds a fixture needs of the kernel, and which of them this kernel has not."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from os import getpid

from netdoctor.errors import Undecidable
from netdoctor.lab.gate import Gate
from netdoctor.lab.records import Fault, Network
from netdoctor.lab.script import Command

#: What every kernel has that the lab runs on; what else a fixture needs is looked for first.
COMMON = frozenset(("veth", "bridge", "vxlan", "macvlan"))
#: Devices that a kind's module brings along in every namespace (net.core.fb_tunnels_only_for_init_net).
FALLBACK = {"tunl0": "ipip", "gre0": "gre", "gretap0": "gretap", "sit0": "sit", "ip6tnl0": "ip6tnl"}


def needed(network: Network, fault: Fault) -> frozenset[str]:
    """Return the kinds, beyond the common ones, of the devices that network and fault make."""
    return made((*network.build, *fault.prepare, *fault.inject))


def made(commands: Iterable[Command]) -> frozenset[str]:
    """Return the kinds, beyond the common ones, of the devices that the commands make (ip-link(8), `type`)."""
    kinds = set()
    for command in commands:
        words = command.arguments
        if command.program == "ip" and words[:2] == ("link", "add") and "type" in words:
            kinds.add(words[words.index("type") + 1])
        kinds.update(FALLBACK[word] for word in words if word in FALLBACK)
    return frozenset(kinds) - COMMON


def absent(kinds: Iterable[str]) -> tuple[str, ...]:
    """Return those of the kinds that this kernel does not know, in order. Needs root; raises LabError."""
    return tuple(kind for kind in sorted(kinds) if not _known(kind))


@cache
def _known(kind: str) -> bool:
    """Ask for a device of that kind in a namespace of its own; what it says of missing options does not matter."""
    gate = Gate([f"ndkinds{getpid()}-probe"])
    gate.create()
    try:
        try:
            gate.run(["ip", "-n", gate.names[0], "link", "add", "probe", "type", kind])
        except Undecidable as refused:
            return "Unknown device type" not in str(refused)
        return True
    finally:
        gate.delete()
