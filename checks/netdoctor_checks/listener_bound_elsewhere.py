"""SYS011: the listener on that port does not listen for this address."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.kernel.endings import NotListening
from netdoctor_checks._listening import bound, held_by, place, port_name, refusal, shown


@check("SYS011")
def listener_bound_elsewhere(end: NotListening, case: Case) -> Finding | None:
    """What listens on the port is bound to something else.

    ## What it means
    A socket is on the port, and not for this packet: it is bound to 127.0.0.1 or to another address of the namespace,
    to one device (SO_BINDTODEVICE), or it is an IPv6 socket that takes no IPv4 (IPV6_V6ONLY, ipv6(7)).

    ## Why it breaks the path
    __inet_lookup_listener() and __udp4_lib_lookup() compare the packet's destination with the address that a socket
    is bound to, and the device with its device. None fits, so the packet is treated as if nothing listened: RST, or
    ICMP port unreachable.

    ## See it yourself
    `ss -ltn` (UDP: `ss -lun`) in the destination's namespace: the Local Address column has 127.0.0.1, another address,
    or `[::]` where `*` would take both families. From inside the namespace a connection to the bound address works.

    ## How to fix it
    Have the program listen on 0.0.0.0 (or [::] without v6only), or on the address that is asked for: `--host 0.0.0.0`,
    `bind-address`, `listen_addresses` or whatever it is called there. In a container loopback is the container's own,
    so publishing the port does not help.

    ## Often taken for
    A firewall or a broken port mapping, because the program runs and answers from inside.
    """
    if not end.near or end.full is not None or end.packet.inner is not None:
        return None
    here, port, to = case.label(end.at), port_name(end), bound(case, end.at, end.near)
    return Finding(
        f"{here} listens on {port} for {to} only, not for {end.packet.dst}",
        f"The packet reaches {here}, and no socket takes it: {refusal(end)}. What is bound to {port} is there for {to} "
        f"only. {held_by(case, end.at, end.near)}The program has to be told to listen on 0.0.0.0, or on the address "
        "asked for.",
        place(end),
        (shown(case, end, f"what is bound to {port} is there for {to} only"),),
    )
