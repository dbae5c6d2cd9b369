"""NEI008: the host would proxy ARP, but has itself no route to the address asked for."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.facts.records import RT_SCOPE_LINK, NextHop, Route
from netdoctor.fix.change import Fix
from netdoctor.fix.layer3 import AddRoute
from netdoctor.kernel.endings import ArpNotAnswered, MartianSource, ReversePath
from netdoctor_checks._detours import words
from netdoctor_checks._proxying import routes_past
from netdoctor_checks._routes import RTPROT_BOOT


@check("NEI008")
def proxy_arp_no_route(end: ArpNotAnswered | ReversePath | MartianSource, case: Case) -> Iterator[Finding]:
    """proxy_arp is on, but the host has no route to the address asked for, or none back to who asks.

    ## What it means
    proxy_arp does not answer for everything, only for what this namespace would itself forward out of another device.
    For a gateway like 169.254.1.1 that is as a rule the default route, which is gone. It also does not answer somebody
    to whom it has no route out of the device of the question.

    ## Why it breaks the path
    arp_process() looks the address up first (ip_route_input_noref()). Without a route, or with one that leads back out
    of the device of the request, arp_fwd_proxy() is never asked, and no answer is sent.

    ## See it yourself
    `ip route get ADDRESS` in the host's namespace prints an error, or the very device that the question came in by.

    ## How to fix it
    Bring the default route back. Where the host has none by design, give it one to the gateway's address alone:
    `ip route add 169.254.1.1/32 dev UPLINK`; nothing is ever sent there.

    ## Often taken for
    proxy_arp being off. It is on, as sysctl shows.
    """
    name, label = case.name(end.at), case.label(end.at)
    if isinstance(end, ReversePath | MartianSource):
        yield from _no_way_back(case, end)
        return
    if end.why not in ("no-route", "same-device"):
        return
    for route in routes_past(case, end):
        new = words(case, end.at, route)
        yield Finding(
            f"{label} has no route to {end.address}, so {name} does not answer ARP for it",
            f"{name} proxies ARP only for what {label} would forward out of another device, and {end.address} is not "
            f"among that.",
            end.at,
            (
                Proof(f"proxy_arp is on for {name}", case.sysctl(end.at, f"ipv4/conf/{name}/proxy_arp")),
                Proof(
                    f"no other device leads to {end.address}", case.ip(end.at, "route", "get", end.address)
                ),
            ),
            Fix(f"add the route {new} in {label}", (AddRoute(end.at.inode, route, True),), "medium"),
        )


def _no_way_back(case: Case, end: ReversePath | MartianSource) -> Iterator[Finding]:
    asker, ns = end.flow.asker, case.ns(end.at)
    if not end.arp or asker is None or ns.owners(end.source) or ns.owners(asker.address):
        return
    name, label = case.name(end.at), case.label(end.at)
    hops = (NextHop(end.at.ifindex),)
    route = Route(2, 254, end.source, 32, "unicast", hops, scope=RT_SCOPE_LINK, protocol=RTPROT_BOOT)
    yield Finding(
        f"{label} has no route to {end.source} out of {name}, so it does not answer its ARP requests",
        f"{name} proxies ARP, but the route back to {end.source}, who asks for {asker.address}, is not out of {name}.",
        end.at,
        (Proof(f"the way back to {end.source}", case.ip(end.at, "route", "get", end.source)),),
        Fix(f"add the route {words(case, end.at, route)} in {label}", (AddRoute(end.at.inode, route, True),)),
    )
