"""SYS010: no socket is bound to the port."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.kernel.endings import NotListening
from netdoctor_checks._listening import others, place, port_name, refusal, shown


@check("SYS010")
def nothing_listens(end: NotListening, case: Case) -> Finding | None:
    """Nothing listens on the port.

    ## What it means
    The packet reached the namespace that owns the address, every rule let it in, and no socket there is bound to the
    port. The network did its part; a program is missing, or it uses another port.

    ## Why it breaks the path
    Without a socket tcp_v4_rcv() (net/ipv4/tcp_ipv4.c) answers a SYN with a RST, and connect(2) fails at once with
    ECONNREFUSED. For UDP __udp4_lib_rcv() (net/ipv4/udp.c) sends ICMP port unreachable, which only a connected socket
    gets to see; others wait in vain.

    ## See it yourself
    `ss -ltn` (UDP: `ss -lun`) in the destination's namespace lists what listens; the port is not among it. Enter the
    namespace with `nsenter`, because a container's sockets do not show on the host.

    ## How to fix it
    Start the program, or look into its log for why it ended. If it listens on another port, ask for that one, or
    correct the published port or the Service's targetPort. No command of the network mends this.

    ## Often taken for
    A firewall: a REJECT with tcp-reset looks the same to the sender, a DROP does not (it times out). A crashed pod
    whose address still stands in the Service's endpoints.
    """
    if end.near or end.full is not None or end.packet.inner is not None:
        return None
    here, port = case.label(end.at), port_name(end)
    return Finding(
        f"nothing listens on {port} in {here}",
        f"The packet for {end.packet.dst} reaches {here}, and no socket takes it: {refusal(end)}. "
        f"{others(case, end)}.",
        place(end),
        (shown(case, end, f"no socket of {here} is on {port}: the list is empty"),),
    )
