"""LNK002: a device is up and has no carrier."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.kernel.endings import NoCarrier
from netdoctor_checks._down import is_down


@check("LNK002", generic=True)
def no_carrier(end: NoCarrier, case: Case) -> Finding | None:
    """An interface is up but has no carrier.

    ## What it means
    The device has the flag UP, but not LOWER_UP: what lies under it gives no signal. A NIC has no cable or no
    partner, a bridge has no port that forwards, a TUN device has no program that reads it, a pair's other end was
    never set up.

    ## Why it breaks the path
    While the carrier is off, the device's queue is noop_qdisc, which frees every packet (dev_deactivate()). With
    `ignore_routes_with_linkdown` its routes are not used either.

    ## See it yourself
    `ip link show dev DEV` prints NO-CARRIER and `state DOWN`. For a bridge, `bridge link` lists its ports with
    their state; for a NIC, `/sys/class/net/DEV/carrier` holds 0.

    ## How to fix it
    Give it what it lacks: plug the cable, start the program, add a port to the bridge and set it up. There is no
    command that makes a carrier by itself.

    ## Often taken for
    `ip link set DEV up` not having worked: the device is up, and setting it up again changes nothing. With
    unresolved neighbours, for a wrong address.
    """
    link = case.link(end.at)
    if link is None or is_down(case, end.peer):
        return None
    name = case.name(end.at)
    kinds = {
        "bridge": "none of its ports forwards",
        "tun": "no program holds it",
        "macvlan": "its parent has none",
        "ipvlan": "its parent has none",
        "vlan": "its parent has none",
        "bond": "none of its slaves has one",
    }
    reason = kinds.get(link.kind or "", "nothing answers on its other side")
    return Finding(
        f"{case.where(end.at)} has no carrier",
        f"{name} is up, but {reason}; while the carrier is off the kernel discards whatever is sent by it.",
        end.at,
        (Proof(f"{name} shows NO-CARRIER", case.ip(end.at, "link", "show", "dev", name)),),
    )
