"""Bonds: which slave sends, and which of them may hand up what it takes in (drivers/net/bonding/bond_main.c)."""

from __future__ import annotations

from netdoctor.facts.host import Namespace
from netdoctor.facts.links import Bond, BondSlave, Link
from netdoctor.kernel import receive, transmit
from netdoctor.kernel.endings import BondKept, NotModelled
from netdoctor.kernel.packet import Frame, Ip, Place
from netdoctor.kernel.walk import Walk

#: Modes that rewrite lladdrs or ARP answers once there is more than one slave to choose from.
_BALANCING = ("balance-tlb", "balance-alb", "unknown")


def send(walk: Walk, at: Place, frame: Frame, parent: int) -> None:
    """bond_start_xmit(): out of the active slave, one that a hash or a counter picks, or (broadcast) all of them."""
    link, ns = walk.link(at), walk.namespace(at.inode)
    data = link.bond or Bond()
    slaves = [Place(at.inode, slave.index) for slave in senders(walk, ns, at, link)]
    if not slaves:
        walk.end(BondKept(frame.flow, at, parent, "no-active-slave", frame))
        return
    if data.mode in _BALANCING and len(slaves) > 1:
        walk.end(
            NotModelled(frame.flow, at, parent, f"bond {link.name} in mode {data.mode} with several slaves")
        )
        return
    if data.mode == "broadcast":
        for slave in slaves:
            transmit.transmit(walk, slave, frame, parent)
        return
    if len(slaves) == 1:
        transmit.transmit(walk, slaves[0], frame, parent)
        return
    # balance-rr counts packets; the hash of the others is a matter of the addresses, mostly of the lladdrs alone.
    same = None if data.mode == "balance-rr" else (at, frame.src, frame.dst, _hashed(frame))
    transmit.transmit(walk, walk.choose(f"slave of {link.name}", slaves, same), frame, parent)


def _hashed(frame: Frame) -> object:
    packet = frame.payload
    return (packet.src, packet.dst, packet.proto) if isinstance(packet, Ip) else "arp"


def senders(walk: Walk, ns: Namespace, at: Place, link: Link) -> list[Link]:
    """The slaves that the bond may send by (bond_slave_can_tx(), the usable slaves of bond_update_slave_arr())."""
    data = link.bond or Bond()
    usable = [slave for slave in ns.ports(link.index) if _linked(walk, ns, data, slave)]
    if data.mode in ("active-backup", *_BALANCING):
        return _active(data, usable, ns) if data.mode == "active-backup" else usable
    if data.mode == "802.3ad":
        return [slave for slave in usable if _active_port(data, slave)]
    return usable


def _active(data: Bond, usable: list[Link], ns: Namespace) -> list[Link]:
    """The active slave; where it has failed, the one that the link monitor takes (bond_select_active_slave()).

    Without a monitor nobody notices: the active one stays so, and discards.
    """
    now = next((slave for slave in usable if slave.index == data.active), None)
    recorded = ns.link(data.active) if data.active else None
    if now is not None or (recorded is not None and not _monitored(data)):
        return [now or recorded]  # type: ignore[list-item]
    return sorted(usable, key=lambda slave: slave.index != data.primary)[:1]


def _linked(walk: Walk, ns: Namespace, data: Bond, slave: Link) -> bool:
    """Tell whether the slave is up, has a carrier, and its link counts as up; miimon keeps that true by itself."""
    alive = slave.up and transmit.has_carrier(walk, Place(ns.id.inode, slave.index), slave)
    return alive and (bool(data.miimon) or (slave.slave or BondSlave()).mii_status == 0)


def _monitored(data: Bond) -> bool:
    return bool(data.miimon or data.arp_interval)


def _active_port(data: Bond, slave: Link) -> bool:
    """802.3ad: a port of the aggregator in use; one that was down when it was looked at joins it again."""
    port = slave.slave or BondSlave()
    return port.aggregator == data.aggregator or port.mii_status != 0


def has_carrier(walk: Walk, at: Place, link: Link) -> bool:
    """bond_set_carrier(): the link of one slave counts as up. Without a monitor it does so for good."""
    data, ns = link.bond or Bond(), walk.namespace(at.inode)
    slaves = ns.ports(link.index)
    if data.mode == "802.3ad":
        return len(senders(walk, ns, at, link)) >= max(data.min_links, 1)
    if data.miimon:
        return any(_linked(walk, ns, data, slave) for slave in slaves)
    return any((slave.slave or BondSlave()).mii_status == 0 for slave in slaves)


def take(walk: Walk, at: Place, master: Link, frame: Frame, parent: int, host: bool) -> None:
    """bond_handle_frame(): the frame goes on as the bond's, unless it came by an inactive slave."""
    ns, bond = walk.namespace(at.inode), Place(at.inode, master.index)
    data, link = master.bond or Bond(), walk.link(at)
    inactive = _inactive(data, [one.index for one in senders(walk, ns, bond, master)], link)
    if inactive and not data.all_slaves_active:
        walk.end(BondKept(frame.flow, at, parent, "inactive-slave", frame))
        return
    walk.later(lambda: receive.receive(walk, bond, frame, parent, host))


def _inactive(data: Bond, senders: list[int], slave: Link) -> bool:
    if data.mode in ("active-backup", "802.3ad"):
        return slave.index not in senders
    return data.mode in _BALANCING and (slave.slave or BondSlave()).backup
