"""SYS012: the listener's queue of connections is full."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.command import enter
from netdoctor.kernel.endings import NotListening
from netdoctor_checks._listening import place, port_name, shown


@check("SYS012")
def backlog_full(end: NotListening, case: Case) -> Finding | None:
    """The program that listens does not accept connections.

    ## What it means
    A socket listens on the port and its accept queue is full: more connections wait than listen(2)'s backlog allows,
    because the program does not call accept(2), or not often enough.

    ## Why it breaks the path
    tcp_conn_request() (net/ipv4/tcp_input.c) asks sk_acceptq_is_full() and drops the SYN without a word. The sender
    repeats it for about two minutes and then gets ETIMEDOUT. TcpExtListenOverflows and TcpExtListenDrops count it.

    ## See it yourself
    `ss -ltn` in the destination's namespace: of a listener Recv-Q is how many wait and Send-Q the backlog; here the
    first is larger. `nstat -az TcpExtListenOverflows` grows with every SYN.

    ## How to fix it
    Find out why the program does not accept (a deadlock, all workers busy, stopped in a debugger), and start it anew if
    need be. If it is merely slow under load, give it more workers, a larger backlog in listen(2), and
    net.core.somaxconn at least as large.

    ## Often taken for
    A firewall that drops, for both look the same to the sender: a timeout. Ping and other ports work.
    """
    item = end.full
    if item is None:
        return None
    here, port = case.label(end.at), port_name(end)
    counters = enter(case.id(end.at), ("nstat", "-az", "TcpExtListenOverflows", "TcpExtListenDrops"))
    return Finding(
        f"the backlog of {port} in {here} is full: {item.queued} wait, {item.backlog} may",
        f"The SYN reaches {here} and finds its listener, whose program does not accept the connections that wait; "
        "tcp_conn_request() drops the SYN, and the sender times out. The program hangs or is overloaded.",
        place(end),
        (
            shown(case, end, f"Recv-Q {item.queued} is more than Send-Q {item.backlog}"),
            Proof("the kernel counts what it drops for that reason", counters),
        ),
    )
