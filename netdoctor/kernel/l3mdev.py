"""L3 master devices: the VRF that a device is enslaved to decides which table its packets are looked up in.

net/l3mdev/l3mdev.c, include/net/l3mdev.h.
"""

from __future__ import annotations

from netdoctor.facts.host import Namespace
from netdoctor.facts.links import Link


def domain(ns: Namespace, link: Link | None) -> Link | None:
    """l3mdev_master_ifindex_rcu(): the VRF that the device is, or is enslaved to; None for any other."""
    if link is None:
        return None
    if link.kind == "vrf":
        return link
    master = ns.link(link.master) if link.master and link.slave_kind in ("vrf", None) else None
    return master if master is not None and master.kind == "vrf" else None


def table(ns: Namespace, link: Link | None) -> int:
    """l3mdev_fib_table_rcu(): the table of the device's VRF, 0 where it is in none."""
    master = domain(ns, link)
    return master.vrf.table if master is not None and master.vrf is not None else 0


def local_table(ns: Namespace, link: Link | None) -> int:
    """The table that says which addresses are local on a device: its VRF's, else `local`."""
    return table(ns, link) or 255
