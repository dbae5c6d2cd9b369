"""CTK006: the connection table is full."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix import command
from netdoctor.kernel.endings import TableFull
from netdoctor.kernel.packet import Place


@check("CTK006")
def connection_table_full(end: TableFull, case: Case) -> Finding:
    """The connection table is full, so the first packet of a new connection is dropped.

    ## What it means
    Connection tracking keeps an entry for each flow, and no more than `nf_conntrack_max` in a namespace. Many short
    connections, long timeouts or a flood of UDP have filled the table.

    ## Why it breaks the path
    `__nf_conntrack_alloc()` counts the entries of the namespace; beyond the limit it gives up an unanswered entry
    nearby (`early_drop()`), and where it finds none the packet is dropped. Connections that have an entry go on.

    ## See it yourself
    `sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max`; `conntrack -S` counts `drop` and
    `early_drop`; the kernel's log says `nf_conntrack: table full, dropping packet`.

    ## How to fix it
    Raise `net.netfilter.nf_conntrack_max`: it is one limit for the whole machine and can be written in its own
    namespace only. Find who opens so many connections (`conntrack -L`), shorten timeouts, or exempt bulk traffic.

    ## Often taken for
    A network that loses packets at random, since what is connected already keeps working.
    """
    label = case.label(end.at)
    names = ("net.netfilter.nf_conntrack_count", "net.netfilter.nf_conntrack_max")
    return Finding(
        f"the connection table of {label} is full: {end.count} of {end.limit}",
        f"{label} has {end.count} tracked connections and may have {end.limit}, so no new one is begun and the first "
        "packet of one is dropped, unless an unanswered entry can be given up. The limit is the machine's: raise "
        "net.netfilter.nf_conntrack_max in its own namespace, or find out who opens so many.",
        Place(end.at.inode, 0),
        (Proof("the table is full", command.enter(case.id(end.at), ("sysctl", *names))),),
        None,
        "prerouting",
    )
