"""An ARP message arrives: who answers, who learns (net/ipv4/arp.c arp_rcv(), arp_process())."""

from __future__ import annotations

from netdoctor.facts.host import Namespace
from netdoctor.facts.links import Link
from netdoctor.facts.records import RT_SCOPE_HOST, RT_SCOPE_LINK
from netdoctor.kernel import fib, neighbour, transmit
from netdoctor.kernel.endings import ArpNotAnswered, MartianAddress, MartianSource, NotForMe, ReversePath
from netdoctor.kernel.fib import FibFlow
from netdoctor.kernel.input import InputWay, Refused, route_arp
from netdoctor.kernel.netfilter import frames
from netdoctor.kernel.netfilter.hook import Passing
from netdoctor.kernel.output import Way, route_output
from netdoctor.kernel.packet import Arp, Frame, Place, is_loopback, is_multicast
from netdoctor.kernel.source import confirm_address
from netdoctor.kernel.sysctls import conf, conf_max, conf_or
from netdoctor.kernel.walk import Walk


def receive_arp(walk: Walk, at: Place, frame: Frame, other_host: bool, parent: int) -> None:
    """Handle an ARP message that reached layer 3 of `at`."""
    ns, link, arp = walk.namespace(at.inode), walk.link(at), frame.payload
    assert isinstance(arp, Arp)
    if other_host:
        walk.end(NotForMe(arp.flow, at, parent, frame))
        return
    if link.noarp:
        walk.end(ArpNotAnswered(arp.flow, at, parent, "noarp", arp.tip, arp.sip))
        return
    if is_multicast(arp.tip) or (is_loopback(arp.tip) and not conf_or(ns, link.name, "route_localnet")):
        walk.end(MartianAddress(arp.flow, at, parent, arp.tip))
        return
    if arp.request and not _concerned(ns, link, arp):
        walk.end(ArpNotAnswered(arp.flow, at, parent, "not-owner", arp.tip, arp.sip))
    elif arp.request and _answered(walk, ns, link, at, arp, parent):
        return
    news = neighbour.learn(walk, at, arp.sip, arp.sha, create=False)
    if not arp.request:
        word = "learn" if news else "ignore"
        walk.step(parent, at, "arp", word, f"{arp.sip} is at {arp.sha}", frame)


def _concerned(ns: Namespace, link: Link, arp: Arp) -> bool:
    """Tell cheaply whether this namespace could answer at all: a flooded question reaches hundreds that cannot."""
    if ns.owners(arp.tip) or fib.local_type(ns, arp.tip, link) == "local":
        return True
    return bool(conf(ns, link.name, "forwarding")) or conf_or(ns, link.name, "proxy_arp")


def _answered(walk: Walk, ns: Namespace, link: Link, at: Place, arp: Arp, parent: int) -> bool:
    """Answer a request if this namespace should. Returns True where the message is dealt with (no learning below)."""
    if arp.sip == "0.0.0.0":
        if fib.local_type(ns, arp.tip, link) == "local" and not _ignored(ns, link, arp):
            _reply(walk, at, link, arp, parent, "own address")
        else:
            walk.end(ArpNotAnswered(arp.flow, at, parent, "not-owner", arp.tip, arp.sip))
        return True
    way = route_arp(walk, ns, link, arp.sip, arp.tip)
    if isinstance(way, InputWay) and way.kind == "local":
        _answer_own(walk, ns, link, at, arp, parent)
        return True
    if isinstance(way, InputWay) and way.kind == "forward" and _proxied(ns, link, way, arp):
        neighbour.learn(walk, at, arp.sip, arp.sha, create=True)
        _reply(walk, at, link, arp, parent, "proxy")
        return True
    _end_unanswered(walk, ns, link, at, arp, parent, way)
    return False


def _answer_own(walk: Walk, ns: Namespace, link: Link, at: Place, arp: Arp, parent: int) -> None:
    if _ignored(ns, link, arp):
        walk.end(ArpNotAnswered(arp.flow, at, parent, "arp_ignore", arp.tip, arp.sip))
        return
    if conf_or(ns, link.name, "arp_filter"):
        way = route_output(walk, at.inode, FibFlow(arp.sip, arp.tip, proto=0))
        if not isinstance(way, Way) or way.oif != at.ifindex:
            walk.end(ArpNotAnswered(arp.flow, at, parent, "arp_filter", arp.tip, arp.sip))
            return
    neighbour.learn(walk, at, arp.sip, arp.sha, create=True)
    _reply(walk, at, link, arp, parent, "own address")


def _ignored(ns: Namespace, link: Link, arp: Arp) -> bool:
    """arp_ignore(): the sysctl hides the address from this question."""
    mode = conf_max(ns, link.name, "arp_ignore")
    sip = None if arp.sip == "0.0.0.0" else arp.sip
    if mode == 1:
        return not confirm_address(ns, link, None, arp.tip, RT_SCOPE_HOST)
    if mode == 2:
        return not confirm_address(ns, link, sip, arp.tip, RT_SCOPE_HOST)
    if mode == 3:
        return not confirm_address(ns, None, None, arp.tip, RT_SCOPE_LINK)
    return mode == 8


def _proxied(ns: Namespace, link: Link, way: InputWay, arp: Arp) -> bool:
    """arp_fwd_proxy(), arp_fwd_pvlan() and proxy entries."""
    if way.oif == link.index:
        return arp.sip != arp.tip and conf_or(ns, link.name, "proxy_arp_pvlan")
    if conf_or(ns, link.name, "proxy_arp"):
        medium = conf(ns, link.name, "medium_id")
        out = ns.link(way.oif)
        other = conf(ns, out.name, "medium_id") if out is not None else 0
        if medium == 0 or (medium != -1 and other not in (medium, -1)):
            return True
    return any(n.proxy and n.dst == arp.tip and n.ifindex in (0, link.index) for n in ns.neighbours())


def _reply(walk: Walk, at: Place, link: Link, arp: Arp, parent: int, why: str) -> None:
    answer = Arp(arp.flow, False, arp.tip, arp.sip, link.address or "", arp.sha)
    frame = Frame(link.address or "", arp.sha, answer)
    step = walk.step(parent, at, "arp", "reply", f"{arp.tip} is at {link.address} ({why})", frame)
    if frames.pass_frame(walk, at, frame, "arp", Passing("output", oif=link.name), step):
        walk.later(lambda: transmit.transmit(walk, at, frame, step))


#: Why a namespace that proxies ARP does not answer this very asker.
_SENDER_REFUSED = ("reverse-path", "martian-source")


def _end_unanswered(
    walk: Walk, ns: Namespace, link: Link, at: Place, arp: Arp, parent: int, way: InputWay | Refused
) -> None:
    """Say why the request is not answered; most often simply because the address is somebody else's."""
    proxying = conf_or(ns, link.name, "proxy_arp")
    if isinstance(way, Refused) and (ns.owners(arp.tip) or (proxying and way.why in _SENDER_REFUSED)):
        if way.why == "reverse-path":
            walk.end(ReversePath(arp.flow, at, parent, way.address, way.mode, way.route, True))
            return
        if way.why == "martian-source":
            walk.end(MartianSource(arp.flow, at, parent, way.address, True))
            return
        walk.end(ArpNotAnswered(arp.flow, at, parent, way.why, arp.tip, arp.sip))
        return
    why = "not-owner"
    if conf_or(ns, link.name, "proxy_arp") and isinstance(way, Refused):
        why = {"no-route": "no-route", "forwarding-off": "forwarding-off", "same-device": "same-device"}.get(
            way.why, way.why
        )
    elif isinstance(way, InputWay) and way.kind == "forward":
        why = "no-proxy"
    walk.end(ArpNotAnswered(arp.flow, at, parent, why, arp.tip, arp.sip))
