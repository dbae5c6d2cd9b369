"""macvlan children of one parent, which hangs on a switch with another machine."""

from __future__ import annotations

from tests.agreement.families.bridged import CONTAINERS
from tests.agreement.model import Device, Draft

MODES = ("bridge", "bridge", "bridge", "vepa", "private", "source", "passthru")


def macvlan(draft: Draft) -> None:
    """Children in one mode; the parent's own address, the machine behind the switch and the children are asked for."""
    rng = draft.rng
    mode = rng.choice(MODES)
    host, switch = draft.space("host", "host"), draft.space("switch", "switch")
    outside = draft.space("outside", "container")
    network = draft.subnet(16, 27)
    spare = draft.hosts(network, 8)
    fabric = draft.bridge(switch, "sw0")
    parent, parent_port = draft.veth(host, "eth0", "parent", switch, "to-host", "port")
    foreign, foreign_port = draft.veth(outside, "eth0", "eth", switch, "to-outside", "port")
    draft.enslave(parent_port, fabric)
    draft.enslave(foreign_port, fabric)
    draft.address(foreign, f"{spare.pop()}/{network.prefixlen}")
    if rng.random() < 0.6:
        draft.address(parent, f"{spare.pop()}/{network.prefixlen}")
    if mode == "vepa" and rng.random() < 0.7:
        draft.configure(switch, "bridge", "link", "set", "dev", "to-host", "hairpin", "on")
    if rng.random() < 0.3:
        draft.address(fabric, f"{spare.pop()}/{network.prefixlen}")
    count = 1 if mode == "passthru" else rng.randint(2, 3)
    children: list[Device] = []
    for name in rng.sample(CONTAINERS, count):
        container = draft.space(name, "container")
        temporary = f"mv-{name}"
        mac = parent.mac if mode == "passthru" else draft.mac()
        child = draft.add(Device(container, "eth0", "macvlan", "eth", mac, options=(mode,)))
        chosen = () if mode == "passthru" else ("address", mac)
        draft.create(
            host, "ip", "link", "add", temporary, "link", "eth0", *chosen, "type", "macvlan", "mode", mode
        )
        if mode == "source":
            for allowed in (foreign.mac, *(each.mac for each in children), draft.mac()):
                if rng.random() < 0.85:
                    draft.create(
                        host, "ip", "link", "set", temporary, "type", "macvlan", "macaddr", "add", allowed
                    )
        draft.create(host, "ip", "link", "set", temporary, "netns", f"@{container}", "name", "eth0")
        draft.up(child)
        draft.address(child, f"{spare.pop()}/{network.prefixlen}")
        children.append(child)
