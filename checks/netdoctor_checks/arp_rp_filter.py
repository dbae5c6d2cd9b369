"""NEI005: an ARP request whose sender fails validation."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.kernel.endings import MartianSource, ReversePath
from netdoctor_checks import _own_source, _reverse


@check("NEI005")
def arp_rp_filter(end: ReversePath | MartianSource, case: Case) -> Iterator[Finding]:
    """The owner of the address does not answer ARP, because the asker's address fails its source validation.

    ## What it means
    The ARP request arrives at the owner, and its sender address is one that the owner would not accept a packet from:
    the route back leads out of another interface (rp_filter), or the address is the owner's own.

    ## Why it breaks the path
    `arp_process()` routes the question like a packet (`ip_route_input_noref()`, from the sender to the address asked
    for). Where that fails, as `__fib_validate_source()` refuses the sender, no answer is made. The asker gives up after
    three tries and reports host unreachable.

    ## See it yourself
    `ip route get ASKER` in the owner's namespace names another interface; `ip route get ADDRESS from ASKER iif
    INTERFACE` says `Invalid argument`. tcpdump shows requests without replies. No counter moves.

    ## How to fix it
    Set `rp_filter` of the interface to 2, or mend the route back. Where the address is a duplicate, take it away from
    the one it does not belong to.

    ## Often taken for
    A fault of layer 2, or arp_ignore. The giveaway: with a permanent neighbour entry in the asker the failure turns
    into the silent loss of packets that reverse path filtering is known for.
    """
    if not end.arp:
        return
    label, name = case.label(end.at), case.name(end.at)
    title = f"{label} does not answer ARP from {end.source} on {name}"
    if isinstance(end, ReversePath):
        why = f"rp_filter={end.mode} applies to the asker of an ARP request too, and {_reverse.way_back(case, end)}."
        fixes: list[Fix | None] = [*_reverse.ways_out(case, end)]
        proofs = _reverse.evidence(case, end)
    else:
        why = f"The asker's address {end.source} is one of {label} itself (or a broadcast there): a martian."
        fixes = [*_own_source.ways_out(case, end)]
        proofs = (Proof(f"what {label} holds", case.ip(end.at, "route", "show", "table", "local")),)
    for fix in fixes or [None]:
        yield Finding(title, f"{why} The request gets no answer.", end.at, proofs, fix)
