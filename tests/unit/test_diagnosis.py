"""The loop: which fix is followed, what a fork needs, and that no fix goes back to where an earlier one began."""

from __future__ import annotations

import pytest

from netdoctor.check import Check, Finding
from netdoctor.diagnosis import diagnose
from netdoctor.endpoints import resolve
from netdoctor.facts.records import Route
from netdoctor.facts.tables import TableHost
from netdoctor.fix.change import Change, Fix, applied
from netdoctor.fix.effect import effect, undoes
from netdoctor.fix.firewall import AllowBefore, Allowed, DeleteFirewallRule, Spot
from netdoctor.fix.layer3 import AddRoute, DeleteRoute, SetSysctl
from netdoctor.kernel.endings import Ending
from netdoctor.kernel.packet import IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP, Place
from netdoctor.lab import load_faults
from netdoctor.lab.record import load_recording, request
from netdoctor.question import End, Question
from netdoctor.report import Report
from netdoctor.snapshot import snapshot_host
from netdoctor.wording import refusal
from tests.unit.networks import Net, routed
from tests.unit.test_fix_changes import bench
from tests.unit.test_kernel_ip import forked


def report_of(net: Net, address: str) -> Report:
    return diagnose(net.host(), asked(net, address))


def asked(net: Net, address: str) -> Question:
    names = list(net.all)[:2]
    source, destination = (End(name, "netns", name, net[name].inode) for name in names)
    return Question(source, End(names[1], "netns", names[1], destination.inode, address))


def recorded(key: str) -> Report:
    host = snapshot_host(load_recording(key))
    return diagnose(host, resolve(host, request(load_faults()[key])))


def test_every_way_of_a_fork_is_mended() -> None:
    net = forked()
    for name in "st":
        net[name].sysctl(icmp_echo_ignore_all=1)
    report = report_of(net, "10.9.0.1")
    assert report.verdict == "unreachable"
    places = [cause.location.namespace.name for cause in report.causes if cause.location.namespace]
    assert sorted(places) == ["s", "t"]
    assert all(cause.fix is not None and cause.fix.verified for cause in report.causes)


@pytest.mark.parametrize("dead", ["s", "t"])
def test_the_way_that_fails_is_explained_where_others_do_not(dead: str) -> None:
    net = forked()
    net[dead].sysctl(icmp_echo_ignore_all=1)
    report = report_of(net, "10.9.0.1")
    assert report.verdict == "unknown"
    (cause,) = report.causes
    assert cause.location.namespace is not None
    assert cause.location.namespace.name == dead


def test_one_rule_in_the_way_of_two_endpoints_is_one_cause() -> None:
    """Each endpoint needs an accept of its own; deleting the rule would let all others pass too."""
    report = recorded("kube-proxy-nft/forward-rejects-marked")
    (cause,) = report.causes
    assert cause.fix is not None
    words = [" ".join(command) for command in cause.fix.commands]
    assert all("insert rule inet host forward" in line and line.endswith("accept") for line in words)
    assert [("10.244.1.3" in line, "10.244.1.4" in line) for line in words] == [(True, False), (False, True)]


Offers = dict[str, list[tuple[str, tuple[Change, ...]]]]


def offering(monkeypatch: pytest.MonkeyPatch, offers: Offers) -> None:
    """Put checks in the place of all others: by the name of an ending, their codes and what their fixes change."""

    def one(code: str, changes: tuple[Change, ...]) -> Check:
        finding = Finding(code, "", Place(1, 0), fix=Fix(code, changes))
        return Check(code, code, Ending, lambda end, case: finding)

    def explaining(subject: object) -> list[Check]:
        return [one(*item) for item in offers.get(type(subject).__name__, [])]

    monkeypatch.setattr("netdoctor.diagnosis.explaining", explaining)


def default_of(net: Net, name: str) -> Route:
    return next(route for route in net[name].facts().routes if not route.prefixlen)


def test_a_fix_that_puts_back_what_an_earlier_one_took_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    net = routed()
    net["b"].sysctl(icmp_echo_ignore_all=1)
    delete, add = DeleteRoute(1, default_of(net, "a")), AddRoute(1, default_of(net, "a"))
    offering(monkeypatch, {"EchoIgnored": [("AAA001", (delete,))], "NoRoute": [("BBB001", (add,))]})
    report = report_of(net, "10.2.0.2")
    assert [(cause.code, cause.fix is not None) for cause in report.causes] == [
        ("AAA001", True),
        ("BBB001", False),
    ]


def test_of_two_fixes_that_lead_as_far_the_one_with_an_answer_behind_it_wins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net = routed()
    net["r"].sysctl(conf__va__forwarding=0)
    net["b"].sysctl(icmp_echo_ignore_all=1)
    forward = SetSysctl(net["r"].inode, "ipv4/conf/va/forwarding", "1")
    heed = SetSysctl(net["b"].inode, "ipv4/icmp_echo_ignore_all", "0")
    astray = (forward, heed, DeleteRoute(net["b"].inode, default_of(net, "b")))
    offers: Offers = {
        "ForwardingOff": [("AAA001", astray), ("BBB001", (forward,))],
        "EchoIgnored": [("CCC001", (heed,))],
    }
    offering(monkeypatch, offers)
    report = report_of(net, "10.2.0.2")
    assert [cause.code for cause in report.causes] == ["BBB001", "CCC001"]


def rows() -> list[tuple[Change, Change, bool]]:
    routes: tuple[Route, ...] = bench().facts().routes
    route = next(item for item in routes if item.table == 254)
    spot = Spot("legacy", "ip", "filter", "FORWARD", 1)
    accept = AllowBefore(1, spot, Allowed("10.0.0.5", "10.0.0.9"))
    return [
        (DeleteRoute(1, route), AddRoute(1, route), True),
        (AddRoute(1, Route(2, 254, "10.99.0.0", 16)), DeleteRoute(1, Route(2, 254, "10.99.0.0", 16)), True),
        (accept, DeleteFirewallRule(1, spot), True),
        (SetSysctl(1, "ipv4/ip_forward", "0"), SetSysctl(1, "ipv4/ip_forward", "1"), True),
        (accept, DeleteFirewallRule(1, Spot("legacy", "ip", "filter", "FORWARD", 2)), False),
        (DeleteRoute(1, route), SetSysctl(1, "ipv4/ip_forward", "1"), False),
        (SetSysctl(1, "ipv4/ip_forward", "0"), SetSysctl(1, "ipv4/conf/all/rp_filter", "0"), False),
    ]


@pytest.mark.parametrize(("first", "second", "back"), rows(), ids=lambda value: type(value).__name__)
def test_what_takes_a_change_back_is_known_for_that(first: Change, second: Change, back: bool) -> None:
    facts = bench().sysctl(ip_forward=1, conf__all__rp_filter=1).facts()
    host = TableHost("here", (facts,))
    assert undoes(effect(applied(host, (first,)), (second,)), effect(host, (first,))) is back


@pytest.mark.parametrize(
    ("key", "fate"),
    [
        (
            "reject-admin-prohibited",
            'the request is rejected (icmp-admin-prohibited; ping says "Packet filtered")',
        ),
        (
            "tcp-reset-by-rule-legacy",
            'the SYN is rejected (tcp-reset; the program gets "Connection refused")',
        ),
        (
            "udp-port-rejected",
            'the datagram is rejected (icmp-port-unreachable; the program gets "Connection refused")',
        ),
        ("reject-reply", "the reply is rejected (icmp-port-unreachable)"),
        ("forward-rule-drop-nft", "the request is lost"),
    ],
)
def test_the_summary_says_what_the_sender_is_told(key: str, fate: str) -> None:
    """What a program and ping(8) are told was measured: connect(2) and recv(2) against each --reject-with."""
    assert f": {fate}: " in recorded(f"two-bridges/{key}").summary


@pytest.mark.parametrize(
    ("reject", "proto", "seen"),
    [
        ("icmp-host-prohibited", IPPROTO_TCP, 'the program gets "No route to host"'),
        ("icmp-host-unreachable", IPPROTO_UDP, "a UDP socket is not told"),
        ("icmp-net-unreachable", IPPROTO_ICMP, 'ping says "Destination Net Unreachable"'),
    ],
)
def test_what_is_seen_depends_on_who_sent_it(reject: str, proto: int, seen: str) -> None:
    assert refusal(reject, proto) == seen
