"""CTK004: the flow is tracked already, and treated as the rules were when it began."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.fix.change import applied
from netdoctor.kernel.endings import (
    AnswerFromAnother,
    ArpNotAnswered,
    DeliveredElsewhere,
    ForwardingOff,
    MartianSource,
    NeighbourUnresolved,
    NoRoute,
    NotListening,
    RuleDropped,
)
from netdoctor.kernel.packet import Place
from netdoctor_checks._connections import forget, led, listed, met


@check("CTK004")
def stale_connection(
    end: AnswerFromAnother
    | ArpNotAnswered
    | DeliveredElsewhere
    | ForwardingOff
    | MartianSource
    | NeighbourUnresolved
    | NoRoute
    | NotListening
    | RuleDropped,
    case: Case,
) -> Iterator[Finding]:
    """An entry of the connection table still treats the flow as the rules were when it began.

    ## What it means
    NAT is decided once, for the first packet of a connection. The rules have changed since: an endpoint is gone, a
    Service or a masquerading rule was added. The flow goes on as it began, for as long as it sends.

    ## Why it breaks the path
    `nf_conntrack_in()` finds the entry, `nf_nat_inet_fn()` sees that its translations are decided and asks no chain. A
    UDP client that keeps its port and sends more often than `nf_conntrack_udp_timeout` never lets the entry go.

    ## See it yourself
    `conntrack -L -p udp --orig-dst ADDRESS` shows where the flow is sent as the source of the second half. The counters
    of the NAT rules do not grow. From another source port the same question is answered.

    ## How to fix it
    Delete the entry (`conntrack -D`), or have the client use another port. kube-proxy does so itself for UDP endpoints
    that go away, unless it was down, or `conntrack` is not installed on the node.

    ## Often taken for
    A rule that does not work: it is right, and nobody asks it.
    """
    for at, entry in met(case):
        fix = forget(case, at, entry)
        if not case.progress(applied(case.host, fix.changes)):
            continue
        label = case.label(at)
        yield Finding(
            f"a tracked connection in {label} still {led(entry)}, whatever the rules say now",
            f"The flow from {entry.src} port {entry.sport} was tracked before, and its translation decided then. The "
            f"rules of {label} would treat it differently, and are asked for new connections only.",
            Place(at.inode, 0),
            (listed(case, at, entry),),
            fix,
            "prerouting",
        )
        return
