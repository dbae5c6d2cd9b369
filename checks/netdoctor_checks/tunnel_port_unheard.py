"""TUN007: a tunnel's datagrams arrive, and no socket takes them."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.kernel.endings import NotListening
from netdoctor_checks._listening import bound, held_by, place, port_name, shown


@check("TUN007")
def tunnel_port_unheard(end: NotListening, case: Case) -> Finding | None:
    """A tunnel's datagrams arrive at a node where no socket takes them.

    ## What it means
    The other end of the tunnel is a program with a UDP socket. On this node it does not run, or its socket is bound to
    another address than the one that the datagrams are for (flanneld: `--iface`).

    ## Why it breaks the path
    __udp4_lib_rcv() finds no socket and answers with ICMP port unreachable, which the sending daemon gets as an error
    at most; the packet inside is lost without a word.

    ## See it yourself
    `ss -lunp` in the node's namespace lists what listens, where, and which process has it.

    ## How to fix it
    Start the daemon, or have it bind the address that the other nodes send to, and restart it.

    ## Often taken for
    A firewall that blocks the port: that would be silent, and this is answered with ICMP port unreachable.
    """
    if end.packet.inner is None:
        return None
    here, port = case.label(end.at), port_name(end)
    near = f"What is on that port is bound to {bound(case, end.at, end.near)}. " if end.near else ""
    title = f"nothing in {here} takes the tunnel's datagrams on {port}"
    if end.near:
        title = f"what takes the tunnel's datagrams in {here} is bound to {bound(case, end.at, end.near)}"
    return Finding(
        title,
        f"The outer packet from {end.packet.src} is for {end.packet.dst} {port}, and no socket there takes it. "
        f"{near}{held_by(case, end.at, end.near)}".strip(),
        place(end),
        (shown(case, end, f"no socket of {here} takes {port} at {end.packet.dst}"),),
    )
