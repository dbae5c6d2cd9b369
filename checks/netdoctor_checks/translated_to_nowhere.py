"""NAT002: a destination is translated to an address that does not answer."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.kernel.endings import (
    ArpNotAnswered,
    ForwardingOff,
    MartianSource,
    NeighbourUnresolved,
    NoRoute,
    NotListening,
)
from netdoctor.kernel.packet import Place
from netdoctor_checks._retargeting import near, other_targets
from netdoctor_checks._translations import destination, shown, translations

Undelivered = NoRoute | NeighbourUnresolved | NotListening | ArpNotAnswered | ForwardingOff | MartianSource


@check("NAT002")
def translated_to_nowhere(end: Undelivered, case: Case) -> Iterator[Finding]:
    """The destination is translated to an address that nobody has, or where nothing listens.

    ## What it means
    A DNAT rule (of a published port, a Service, or by hand) gives the packet another destination. That container
    is gone, has another address by now, does not listen on that port, or is the sender itself, which drops its own
    source as martian.

    ## Why it breaks the path
    `nf_nat_inet_fn()` rewrites the destination before the packet is routed; from then on only the new address
    counts. The host asks for it by ARP in vain, or finds no route, or the new destination refuses.

    ## See it yourself
    `iptables -t nat -vS` shows the rule count; `conntrack -L -d ADDRESS` shows the new destination as the reply's
    source. `ip neigh get` for that address says FAILED.

    ## How to fix it
    Point the rule at where the service is now, or delete it if nothing is behind it any more. Rules of Docker and
    kube-proxy follow the containers by themselves: a stale one means that the daemon is down or behind.

    ## Often taken for
    A container that is down: the address asked for may even belong to one that is up. And after the rule is
    changed, old entries of the connection table still lead to the old place (`conntrack -D -d ADDRESS`).
    """
    back = end.source if isinstance(end, MartianSource) else destination(end)
    for made in translations(case, "dnat"):
        if made.after.dst != back or end.flow.leg != "request":
            continue
        owned = near(case, made, made.after.dst)
        elsewhere = isinstance(end, NotListening) and bool(end.near)
        reached = owned and not case.ns(made.at).owners(made.before.dst)
        if elsewhere or (reached and not isinstance(end, NotListening | MartianSource)):
            return  # the target is there; what listens on the port is only bound to something else
        label, old, new = case.label(made.at), made.before.dst, made.after.dst
        lacks = _lack(end, case, owned)
        title = f"{made.text} in {label} translates {old} to {new}, and {lacks}: {made.hit.text}"
        explanation = f"The packet for {old} was given the destination {new} in {label}; {lacks}."
        proofs = [shown(case, made)]
        if not owned:
            proofs.append(
                Proof(f"{label} does not get to {new}", case.ip(made.at, "neigh", "show", "to", new))
            )
        fixes: list[Fix | None] = [*other_targets(case, made, end)]
        for fix in fixes or [None]:
            yield Finding(title, explanation, Place(made.at.inode, 0), tuple(proofs), fix, "prerouting")
        return


def _lack(end: Undelivered, case: Case, owned: bool) -> str:
    if isinstance(end, NotListening):
        return f"nothing listens on port {end.port} there"
    if isinstance(end, MartianSource):
        return "that is the sender itself"
    return f"{case.label(end.at)} does not send it there" if owned else "nobody has that address"
