"""Routes that a routing daemon installs: who should have brought a missing one, and who writes a wrong one again.

A route says who made it (rtm_protocol of rtnetlink(7); the numbers are in linux/rtnetlink.h and iproute2's rt_protos).
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address

from netdoctor.case import Case
from netdoctor.check import Proof
from netdoctor.facts.records import Route

#: Daemons of dynamic routing protocols by their rtm_protocol; what others write has no peer to hear it from.
DAEMONS = {11: "zebra", 12: "bird", 42: "babel", 186: "bgp", 187: "isis", 188: "ospf", 189: "rip", 192: "eigrp"}
#: So many leading bits a route must have in common with an address to be of the same network of containers.
ALIKE = 8


def daemon(route: Route | None) -> str | None:
    """The name, as ip-route(8) prints it, of the daemon that installed a route; None where it was none."""
    return DAEMONS.get(route.protocol) if route is not None else None


def missing_here(case: Case, inode: int, destination: str) -> Iterator[tuple[str, Proof]]:
    """The sentence that names who installs routes like the missing one in a namespace, and what shows it."""
    routes = case.ns(inode).routes() if ":" not in destination else ()
    like = [
        (common, route)
        for route in routes
        if daemon(route) and route.type == "unicast" and route.family == 2 and route.prefixlen > 0
        if (common := _common(route.dst, destination)) >= ALIKE
    ]
    if not like:
        return
    _, route = max(like, key=lambda item: item[0])
    name, shown = daemon(route), f"{route.dst}/{route.prefixlen}"
    sentence = (
        f"Routes like it are installed here by {name} (such as {shown}): the session that should bring this one, or a "
        f"filter on either side, keeps it away. What is added by hand stays when {name} brings its own: delete it then."
    )
    yield (
        sentence,
        Proof(f"{name} installed {shown} and nothing for {destination}",
              case.ip(inode, "route", "show", "proto", name or "")),
    )  # fmt: skip


def written_again(route: Route) -> str:
    """The sentence that names who will write a wrong route again; empty where nobody is known to."""
    name = daemon(route)
    return f" The route is from {name}, which writes it again until its peers tell it otherwise." if name else ""


def _common(one: str, other: str) -> int:
    """The number of leading bits that two IPv4 addresses share."""
    return 32 - (int(IPv4Address(one)) ^ int(IPv4Address(other))).bit_length()
