"""NAT005: the answer does not come back by the host that translated the destination."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.fix.change import Fix, applied
from netdoctor.fix.layer3 import SetSysctl
from netdoctor.fix.masquerade import Masquerade
from netdoctor.kernel.endings import AnswerFromAnother
from netdoctor.kernel.packet import Place
from netdoctor_checks._masquerading import gaps
from netdoctor_checks._translations import Translation, shown, translations

SWITCH = "bridge/bridge-nf-call-iptables"


@check("NAT005")
def answer_bypasses_nat(end: AnswerFromAnother, case: Case) -> Iterator[Finding]:
    """The answer takes a way past the host that translated the request.

    ## What it means
    A DNAT rule (a Service, a published port) sent the request to another address. The one who has that address sees
    the client's own, knows a direct way to it, and answers without the translating host.

    ## Why it breaks the path
    Only the host that translated can turn the answer's source back. The client asked one address, gets an answer
    from another, finds no socket for it, and refuses it with a RST (TCP) or port unreachable (UDP).

    ## See it yourself
    tcpdump at the client shows its SYN go to one address and a SYN-ACK come from another, answered by RST. On the
    translating host `conntrack -L` shows the connection UNREPLIED or SYN_SENT.

    ## How to fix it
    Where both ends are on one bridge, `bridge-nf-call-iptables` 1 shows the bridged answer to connection tracking;
    Kubernetes requires it. Else masquerade the request, so that the answer has to come back.

    ## Often taken for
    A refusing server, or a firewall that resets connections. Ping is no witness: it takes answers from anyone.
    """
    for made in translations(case, "dnat"):
        if end.packet.src != made.after.dst:
            continue
        label, client = case.label(made.at), case.label(end.at)
        yield Finding(
            f"{end.packet.src} answers {client} past {label}, which translated {end.asked} to it",
            f"{made.text} in {label} gave the request its destination; the answer does not come by there to be turned "
            f"back, and {client}, which asked {end.asked}, refuses it.",
            Place(made.at.inode, 0),
            (shown(case, made),),
            next((fix for fix in _fixes(case, made) if case.progress(applied(case.host, fix.changes))), None),
            "prerouting",
        )
        return


def _fixes(case: Case, made: Translation) -> Iterator[Fix]:
    label = case.label(made.at)
    if (case.ns(made.at).sysctl(SWITCH) or "").strip() == "0":
        change = SetSysctl(made.at.inode, SWITCH, "1")
        yield Fix(f"let {label} show bridged packets to connection tracking", (change,), "medium")
    for gap in gaps(case, hairpin=True):
        name = case.name(gap.at)
        masquerade = Masquerade(gap.at.inode, gap.spot, gap.prefix, name, gap.only)
        summary = f"masquerade what comes from {gap.prefix} and leaves {case.label(gap.at)} by {name}"
        yield Fix(summary, (masquerade,), "medium")
