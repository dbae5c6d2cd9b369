"""SYS014: the listener is in no VRF, and the packet came in by one."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.fix.layer3 import SetSysctl
from netdoctor.kernel import l3mdev
from netdoctor.kernel.endings import NotListening
from netdoctor_checks._listening import held_by, place, port_name, refusal, shown


@check("SYS014")
def vrf_listener_outside(end: NotListening, case: Case) -> Finding | None:
    """What listens on the port is bound to no VRF, and takes nothing that comes in by one.

    ## What it means
    The packet came in by a port of a VRF. The program listens on that port and is bound to no device, so it hears only
    what comes in outside of all VRFs.

    ## Why it breaks the path
    inet_bound_dev_eq() lets an unbound socket take packets of a VRF only where tcp_l3mdev_accept (udp_l3mdev_accept)
    is 1; the default is 0. Without a socket the SYN is answered with a RST.

    ## See it yourself
    `ss -ltn` shows the listener without `%VRF` behind its address; `sysctl net.ipv4.tcp_l3mdev_accept` says 0. `ip
    vrf identify PID` says which VRF a process is in.

    ## How to fix it
    Start the program in the VRF (`ip vrf exec NAME PROGRAM`; systemd: a unit that runs it so), or let unbound sockets
    hear all VRFs: `sysctl -w net.ipv4.tcp_l3mdev_accept=1`. For UDP the answer still leaves outside of the VRF, so a
    program that answers datagrams has to be in it.

    ## Often taken for
    A firewall that rejects, or a program that is not running: it answers on every other interface.
    """
    ns = case.ns(end.at)
    master = l3mdev.domain(ns, case.link(end.at))
    outside = tuple(item for item in end.near if not item.ifindex)
    if master is None or not outside or end.full is not None:
        return None
    name, key = case.label(end.at), f"ipv4/{end.proto}_l3mdev_accept"
    fix = Fix(f"let sockets of {name} that are bound to no VRF hear all of them", (SetSysctl(end.at.inode, key, "1"),))
    return Finding(
        f"{name} listens on {port_name(end)} outside of the VRF {master.name}, by which the packet comes in",
        f"The packet reaches {name} in VRF {master.name}, and what listens on {port_name(end)} is bound to no VRF: "
        f"{refusal(end)}. {held_by(case, end.at, outside)}",
        place(end),
        (
            shown(case, end, f"what is on {port_name(end)} is bound to no device"),
            Proof(f"{key.rsplit('/', 1)[-1]} is 0", case.sysctl(end.at, key)),
        ),
        fix if end.proto == "tcp" else None,
    )
