"""Ways out of a failed reverse path validation, for IP packets and for ARP requests."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from netdoctor.case import Case
from netdoctor.check import Proof
from netdoctor.facts.records import Route
from netdoctor.fix.change import Fix, applied
from netdoctor.fix.layer3 import SetSysctl, route_words
from netdoctor.kernel import fib
from netdoctor.kernel.endings import ReversePath
from netdoctor.kernel.sysctls import conf, conf_or
from netdoctor_checks._additions import additions, removal

ANSWERED = 3
LOOSE = 2
#: Routes back tried for one finding; each costs a walk.
MAX_ADDED = 3
RTPROT_KERNEL = 2


def ways_out(case: Case, end: ReversePath) -> Iterator[Fix]:
    """Fixes that let the packet in: the loosest setting that is needed, or a route back that fits."""
    loose, off = _loose(case, end), _off(case, end)
    yield from (loose, off) if _loose_passes(case, end) else (off,)
    if end.route is None or case.progress(applied(case.host, loose.changes)) == ANSWERED:
        return
    # The packet would come in and its answer go astray: the route back is what is wrong.
    if end.route.type == "unicast" and end.route.protocol != RTPROT_KERNEL:
        without = removal(case, end.at.inode, end.route)
        if _leads_back(case, end, without):
            yield without
    fitting = (fix for fix in additions(case, end.at.inode, end.source) if _leads_back(case, end, fix))
    yield from islice(fitting, MAX_ADDED)


def evidence(case: Case, end: ReversePath) -> tuple[Proof, ...]:
    """Shows the setting, and where the route back to the source leads."""
    name = case.name(end.at)
    where = f"leads out of {_devices(case, end, end.route)}" if end.route is not None else "does not exist"
    return (
        Proof(
            f"the larger of these two counts: {end.mode}", case.sysctl(end.at, f"ipv4/conf/{name}/rp_filter")
        ),
        Proof("and this is the one for all interfaces", case.sysctl(end.at, "ipv4/conf/all/rp_filter")),
        Proof(f"the route back to {end.source} {where}", case.ip(end.at, "route", "get", end.source)),
    )


def way_back(case: Case, end: ReversePath) -> str:
    """Where the route back leads, as a sentence's end."""
    if end.route is None:
        return f"there is no route back to {end.source} at all"
    words = " ".join(route_words(case.ns(end.at), end.route))
    return f"the route back to {end.source} is `{words}`, which does not use {case.name(end.at)}"


def mark_decides(case: Case, end: ReversePath) -> bool:
    """Tell whether the route back would fit if the reverse lookup saw the packet's mark (src_valid_mark)."""
    ns, link = case.ns(end.at), case.link(end.at)
    if not end.mark or link is None or conf_or(ns, link.name, "src_valid_mark"):
        return False
    found = fib.lookup(ns, fib.FibFlow(end.source, None, mark=end.mark))
    return isinstance(found, fib.FibHit) and any(hop.oif == link.index for hop in found.nexthops)


def _devices(case: Case, end: ReversePath, route: Route) -> str:
    ns = case.ns(end.at)
    links = [ns.link(hop.oif) for hop in fib.route_nexthops(ns, route)[0] if hop.oif is not None]
    return ", ".join(link.name for link in links if link is not None) or "no device"


def _loose_passes(case: Case, end: ReversePath) -> bool:
    """Mode 2 lets in what has some route back, by an interface that has an address."""
    return end.mode == 1 and end.route is not None and bool(case.addresses(end.at))


def _loose(case: Case, end: ReversePath) -> Fix:
    name = case.name(end.at)
    change = SetSysctl(end.at.inode, f"ipv4/conf/{name}/rp_filter", str(LOOSE))
    return Fix(
        f"accept on {name} of {case.label(end.at)} any source that has a route: rp_filter=2", (change,)
    )


def _off(case: Case, end: ReversePath) -> Fix:
    ns, name = case.ns(end.at), case.name(end.at)
    which = [scope for scope in ("all", name) if conf(ns, scope, "rp_filter")] or [name]
    changes = tuple(SetSysctl(end.at.inode, f"ipv4/conf/{scope}/rp_filter", "0") for scope in which)
    return Fix(f"turn reverse path filtering off for {name} of {case.label(end.at)}", changes, "medium")


def _leads_back(case: Case, end: ReversePath, fix: Fix) -> bool:
    ns = applied(case.host, fix.changes).namespace(end.at.inode)
    found = fib.lookup(ns, fib.FibFlow(end.source, None)) if ns is not None else None
    return isinstance(found, fib.FibHit) and any(hop.oif == end.at.ifindex for hop in found.nexthops)
