"""ENV001: a real packet is lost where none was foreseen to be."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.drop_reasons import meaning
from netdoctor.fix.command import enter
from netdoctor.kernel.endings import ObservedLoss


@check("ENV001", generic=True)
def observed_loss(end: ObservedLoss, case: Case) -> Finding:
    """A real packet is lost at a place that the walk through the recorded state passes.

    ## What it means
    netdoctor sent a packet and watched all devices on the way. The packet is seen up to the place named here and
    nowhere after it, although nothing that was read explains it: something is at work there that netdoctor does not
    model (a tc filter, an XDP or other BPF program, IPsec, hardware), or does not model rightly.

    ## Why it breaks the path
    Whatever drops the packet stands between the last device that saw it and the next one. Where the kernel gave its
    reason for freeing it, the reason is shown: a symbol of `enum skb_drop_reason` and the function that dropped.

    ## See it yourself
    `tcpdump -ni DEVICE` at this place and at the next device, while the packet is sent again. A drop at a device's
    ingress by tc or netfilter comes behind tcpdump, one by XDP before it; at egress tc and netfilter come before it.

    ## How to fix it
    Look at what hangs on the device: `tc filter show dev DEVICE ingress` (and `egress`), `ip -d link show DEVICE` for
    XDP, `bpftool net`, `ip xfrm policy`. Please report the case with `--json` and a `netdoctor snapshot`, so that the
    next version names it.

    ## Often taken for
    A fault of the network behind the device. Only if the packet is seen leaving a physical NIC is it out of reach.
    """
    where = case.where(end.at)
    if end.refused is not None and end.out is None:
        title = f"{where} refuses to send: {end.refused}"
    elif end.out is None:
        title = f"the packet never leaves {where}"
    else:
        title = f"the packet is last seen {'leaving' if end.out else 'entering'} {where}"
    device = case.name(end.at) if end.at.ifindex else "any"
    proof = Proof(
        "a real packet was seen here and nowhere after",
        enter(case.id(end.at), ("tcpdump", "-ni", device, "host", case.question.destination.address or "")),
    )
    return Finding(_reasoned(title, end), _explained(end), end.at, (proof,))


def _reasoned(title: str, end: ObservedLoss) -> str:
    return f"{title}, and is dropped there: {end.reason}" if end.reason is not None else title


def _explained(end: ObservedLoss) -> str:
    if end.reason is None:
        return "Nothing that was read explains it, and the kernel gave no reason for a drop."
    known = meaning(end.reason)
    what = f", that is: {known}" if known is not None else ""
    return f"The kernel dropped it in {end.function}(), reason {end.reason}{what}. Nothing that was read explains it."
