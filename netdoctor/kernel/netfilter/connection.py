"""Conditions on the connection that a packet belongs to (net/netfilter/xt_conntrack.c, nft_ct.c)."""

from __future__ import annotations

from netdoctor.kernel.netfilter import model as m
from netdoctor.kernel.netfilter.membership import ICMP, number_of
from netdoctor.kernel.netfilter.seen import Seen, Tuple
from netdoctor.kernel.netfilter.view import View, inside, port_inside


def state(match: m.State, view: View) -> bool:
    """Tell whether the connection is in one of the states, SNAT and DNAT among them."""
    seen = view.seen
    if not seen.tracked and not view.xtables and not any(state in _STATES for state in match.states):
        # `ct status` has nothing to compare without a connection; `--ctstate ! DNAT` has the state.
        return False
    mine = {seen.ct_state, *(seen.ct_status if seen.tracked else ())}
    return any(state in mine for state in match.states) != match.negated


_STATES = frozenset({"NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED"})


def status(match: m.CtStatus, view: View) -> bool:
    """Tell whether the connection has one of the status bits."""
    seen = view.seen
    if not seen.tracked:
        return False
    mine = {*seen.ct_status, *_implied_status(seen)}
    return any(status in mine for status in match.statuses) != match.negated


def _implied_status(seen: Seen) -> tuple[str, ...]:
    """What a state says of the connection; an ICMP error is RELATED to one that is there, and is no reply of it."""
    if seen.ct_state == "ESTABLISHED":
        return "CONFIRMED", "SEEN_REPLY"
    if seen.ct_state == "RELATED":
        return ("CONFIRMED",) if seen.proto in ICMP else ("EXPECTED",)
    return ()


def _tuple(direction: str, seen: Seen) -> Tuple | None:
    """One direction of the packet's connection, None if it is not known here."""
    known = seen.ct_original if direction == "original" else seen.ct_reply
    if known is not None or seen.ct_state != "NEW":
        return known
    if direction == "original":
        return Tuple(seen.src, seen.dst, seen.sport, seen.dport)
    return Tuple(seen.dst, seen.src, seen.dport, seen.sport)


def address(match: m.CtAddress, view: View) -> bool | None:
    """Compare an address of the connection."""
    if not view.seen.tracked:
        return False
    known = _tuple(match.direction, view.seen)
    if known is None:
        return None
    value = number_of(known.src if match.side == "src" else known.dst)
    return inside(value, match.ranges, match.version, match.negated)


def port(match: m.CtPort, view: View) -> bool | None:
    """Compare a port of the connection."""
    seen = view.seen
    if not seen.tracked:
        return False
    known = _tuple(match.direction, seen)
    port = None if known is None else known.sport if match.side == "src" else known.dport
    if _ct_proto(seen) in ICMP and match.side == "dst":
        # An echo has type and code in place of the port it goes to, and its id in place of the other.
        port = _ECHO[match.direction, seen.proto]
    if port is None:
        return None
    held = port_inside(port, match.ranges, seen)
    return None if held is None else held != match.negated


_ECHO = {("original", 1): 8 << 8, ("reply", 1): 0, ("original", 58): 128 << 8, ("reply", 58): 129 << 8}


def _ct_proto(seen: Seen) -> int | None:
    """The connection's protocol: the packet's, unless that is an error about it."""
    if seen.ct_proto is not None:
        return seen.ct_proto
    return None if seen.ct_state == "RELATED" and seen.proto in ICMP else seen.proto


def protocol(match: m.CtProtocol, view: View) -> bool | None:
    """Compare the protocol of the connection."""
    if not view.seen.tracked:
        return False
    number = _ct_proto(view.seen)
    return None if number is None else (number in match.numbers) != match.negated


def direction(match: m.CtDirection, view: View) -> bool | None:
    """Tell in which direction of the connection the packet goes."""
    if not view.seen.tracked:
        return False
    return (view.seen.ct_replying == (match.direction == "reply")) != match.negated
