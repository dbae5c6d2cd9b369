"""SYS006: an address that may not stand there."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.fix.layer3 import AddRoute, SetSysctl, route_words
from netdoctor.kernel.endings import MartianAddress, NoRoute
from netdoctor.kernel.packet import Ip, Place, is_loopback
from netdoctor_checks._decisions import decisions


@check("SYS006")
def martian_address(end: MartianAddress | NoRoute, case: Case) -> Iterator[Finding]:
    """The packet carries an address that may not be on the wire: loopback, zero or multicast.

    ## What it means
    The source or destination is one of 127.0.0.0/8, 0.0.0.0/8, or a group address as source. Mostly a route names
    127.0.0.1 as its source address (`src`), or the sender has no address at all.

    ## Why it breaks the path
    The sender's kernel refuses a loopback source for a device other than lo (`__mkroute_output()`: EINVAL), and the
    receiver's drops it as a martian (`ip_route_input_slow()`), unless `route_localnet` is on for the device.

    ## See it yourself
    `ip route get DESTINATION` prints the source after `src`, or says `Invalid argument`. With `sysctl
    net.ipv4.conf.all.log_martians=1` the receiver logs `martian source` or `martian destination`.

    ## How to fix it
    Take the source address out of the route, so that the kernel chooses one of the outgoing interface. Give an
    interface that has none an address. `route_localnet` opens what listens on 127.0.0.1 to the network: not lightly.

    ## Often taken for
    Reverse path filtering. RFC 1122, section 3.2.1.3, lists what may not leave a host.
    """
    if isinstance(end, NoRoute):
        source = end.route.prefsrc if end.route is not None else end.source
        if end.error != "EINVAL" or source is None or not is_loopback(source):
            return
        address, at = source, Place(end.at.inode, 0)
        title = f"{case.label(at)} would send from {address}, which may not leave it"
        why = f"The route to {end.destination} gives {address} as source; a loopback address may not leave by a device."
    else:
        address, at = end.address, end.at
        title = f"{case.label(at)} drops a packet with the address {address}"
        why = f"{address} may not stand in a packet that comes in by {case.name(at)}: the kernel drops it as a martian."
    fixes: list[Fix | None] = [*_fixes(case, end, address)]
    proofs = (Proof("the routes, with the source addresses they name", case.ip(at, "route", "show")),)
    for fix in fixes or [None]:
        yield Finding(title, why, at, proofs, fix)


def _fixes(case: Case, end: MartianAddress | NoRoute, address: str) -> Iterator[Fix]:
    for decision in decisions(case, end)[-1:]:
        route = decision.route
        if route is not None and route.prefsrc == address:
            plain = replace(route, prefsrc=None)
            words = " ".join(route_words(case.ns(decision.inode), plain))
            yield Fix(f"leave the source to the kernel: {words}", (AddRoute(decision.inode, plain, True),))
    packet = case.walk.steps[end.step].carries if isinstance(end, MartianAddress) else None
    if isinstance(packet, Ip) and is_loopback(address):
        key = f"ipv4/conf/{case.name(end.at)}/route_localnet"
        yield Fix("let loopback addresses in by this interface", (SetSysctl(end.at.inode, key, "1"),), "high")
