"""What is not known for certain: forks, what is loaded and not modelled, and which ending explains the silence."""

from __future__ import annotations

from typing import Any

import pytest

from netdoctor.answer import Answer, ask
from netdoctor.facts.firewall import FirewallText
from netdoctor.facts.records import NextHop, Route, Ruleset
from netdoctor.kernel.doubts import doubts
from netdoctor.kernel.endings import ArpNotAnswered, EchoIgnored, NotForwardedByBridge
from netdoctor.question import End, Question
from tests.unit.networks import Net, bridged, overlay, remotes, routed
from tests.unit.test_kernel_ip import forked

B = "10.0.0.2"


def answer(net: Net, source: str, destination: str, address: str, **question: Any) -> Answer:
    ends = [End(name, "netns", name, net[name].inode) for name in (source, destination)]
    asked = Question(ends[0], End(destination, "netns", destination, ends[1].inode, address), **question)
    return ask(net.host(), asked)


def test_legs_that_both_answer_are_reachable() -> None:
    assert answer(forked(), "a", "s", "10.9.0.1").verdict == "reachable"


def test_legs_that_both_fail_are_unreachable() -> None:
    net = forked()
    net["s"].sysctl(icmp_echo_ignore_all=1)
    net["t"].sysctl(icmp_echo_ignore_all=1)
    assert answer(net, "a", "s", "10.9.0.1").verdict == "unreachable"


@pytest.mark.parametrize("dead", ["s", "t"])
def test_legs_that_end_differently_are_unknown(dead: str) -> None:
    net = forked()
    net[dead].sysctl(icmp_echo_ignore_all=1)
    found = answer(net, "a", "s", "10.9.0.1")
    assert found.verdict == "unknown"
    assert isinstance(found.ending, EchoIgnored)
    assert "multipath 10.9.0.1/32" in found.missing[-1].why


@pytest.mark.parametrize(
    ("where", "family", "verdict"),
    [
        ("r", "ip", "unknown"),
        ("r", "inet", "unknown"),
        ("r", "xfrm", "unknown"),
        ("r", "bridge", "reachable"),
        ("r", "arp", "unknown"),
        ("a", "ip", "unknown"),
        ("b", "ip", "unknown"),
    ],
)
def test_what_is_loaded_and_not_modelled_makes_an_answer_doubtful(
    where: str, family: str, verdict: str
) -> None:
    net = routed()
    net[where].ruleset(family)
    assert answer(net, "a", "b", "10.2.0.2").verdict == verdict


@pytest.mark.parametrize(
    ("family", "calls", "verdict"),
    [("ip", 0, "reachable"), ("ip", 1, "unknown"), ("bridge", 0, "unknown"), ("inet", 1, "unknown")],
)
def test_a_bridged_packet_meets_what_is_at_ip_only_through_br_netfilter(
    family: str, calls: int, verdict: str
) -> None:
    net = bridged(nf_call_iptables=bool(calls))
    net["h"].ruleset(family)
    assert answer(net, "a", "b", B).verdict == verdict


def table(name: str, rule: str = "", error: str | None = None) -> FirewallText:
    """A table of ip, written by iptables-nft, with one rule in its chain FORWARD."""
    lines = f"*{name}\n:FORWARD ACCEPT [0:0]\n{rule}\nCOMMIT\n" if error is None else ""
    return FirewallText("nft", "ip", "iptables-nft-save", name, lines, error=error)


def filtered(*tables: FirewallText) -> Net:
    """The routed network, the router's tables loaded."""
    net = routed()
    net["r"]._tables.update(firewall=list(tables))
    return net


@pytest.mark.parametrize(
    ("rule", "verdict"),
    [
        ("-A FORWARD -d 10.2.0.2/32 -j ACCEPT", "reachable"),
        ("-A FORWARD -d 10.2.0.2/32 -j DROP", "unreachable"),
        ("-A FORWARD -d 10.2.0.9/32 -j DROP", "reachable"),
        ("-A FORWARD -m quirk --odd -j DROP", "unknown"),
    ],
)
def test_rules_that_were_read_are_walked_and_not_doubted(rule: str, verdict: str) -> None:
    assert answer(filtered(table("filter", rule)), "a", "b", "10.2.0.2").verdict == verdict


def test_a_table_that_could_not_be_read_is_doubted_and_no_other() -> None:
    net = filtered(table("filter", "-A FORWARD -j ACCEPT"), table("mangle", error="iptables-nft-save failed"))
    (doubt,) = doubts(net.walk("a", "10.2.0.2"))
    assert (doubt.what, doubt.at.inode) == ("table ip mangle, which could not be read", net["r"].inode)
    assert doubt.command == ("nft", "list", "table", "ip", "mangle")
    assert answer(net, "a", "b", "10.2.0.2").verdict == "unknown"


@pytest.mark.parametrize(
    ("text", "command"),
    [
        (FirewallText("nft", "inet", "nft", "", error="no permission"), ("nft", "list", "ruleset")),
        (
            FirewallText("legacy", "inet", "iptables-legacy-save", "", error="no permission"),
            ("iptables-legacy-save", "-c"),
        ),
        (
            FirewallText("legacy", "ip", "iptables-legacy-save", "nat", error="it is not installed"),
            ("iptables-legacy-save", "-c"),
        ),
        (
            FirewallText("nft", "ip", "nft", "odd", "what nft never prints"),
            ("nft", "list", "table", "ip", "odd"),
        ),
    ],
)
def test_what_could_not_be_read_is_named_whatever_it_is(text: FirewallText, command: tuple[str, ...]) -> None:
    net = filtered(text)
    (doubt,) = doubts(net.walk("a", "10.2.0.2"))
    assert (doubt.command, doubt.at.inode) == (command, net["r"].inode)


def test_tables_that_an_old_snapshot_only_names_are_doubted() -> None:
    net = routed()
    named = Ruleset("nft", "ip", "table ip old (3 rules)", ("nft", "list", "table", "ip", "old"))
    net["r"]._tables.update(rulesets=[named])
    assert answer(net, "a", "b", "10.2.0.2").verdict == "unknown"


def test_a_rule_that_drops_is_an_answer_though_another_table_is_unread() -> None:
    net = filtered(table("filter", "-A FORWARD -j DROP"), table("mangle", error="iptables-nft-save failed"))
    assert answer(net, "a", "b", "10.2.0.2").verdict == "unreachable"


@pytest.mark.parametrize(("dev", "verdict"), [("va", "unknown"), ("vb", "unknown"), ("vc", "reachable")])
def test_rules_of_a_device_concern_what_passes_it(dev: str, verdict: str) -> None:
    """A copy of the flooded question passes vc too, and nobody waits for it."""
    net = bridged()
    net["h"].ruleset("netdev", dev)
    assert answer(net, "a", "b", B).verdict == verdict


def test_rules_in_a_namespace_that_only_got_a_copy_do_not_count() -> None:
    net = bridged()
    net["c"].ruleset("ip")
    net["c"].ruleset("arp")
    assert answer(net, "a", "b", B).verdict == "reachable"


def test_rules_do_not_make_a_failure_doubtful() -> None:
    """A rule drops, and never mends: what fails without it fails with it."""
    net = bridged()
    net["h"].port("va", isolated=True).port("vb", isolated=True).ruleset("bridge")
    assert answer(net, "a", "b", B).verdict == "unreachable"


def test_xdp_on_the_way_is_a_doubt() -> None:
    net = bridged()
    net["b"].edit("eth0", xdp=True)
    assert answer(net, "a", "b", B).verdict == "unknown"


@pytest.mark.parametrize(
    ("qdisc", "verdict"), [("noqueue", "reachable"), ("fq_codel", "reachable"), ("netem", "unknown")]
)
def test_a_queueing_discipline_that_may_drop_is_a_doubt(qdisc: str, verdict: str) -> None:
    net = bridged()
    net["a"].edit("eth0", qdisc=qdisc)
    assert answer(net, "a", "b", B).verdict == verdict


def test_a_lightweight_tunnel_on_the_way_is_a_doubt() -> None:
    net = routed()
    hop = NextHop(net["r"].index("vb"), encap=1)
    net["r"]._routes.append(Route(2, 254, "10.2.0.2", 32, nexthops=(hop,)))
    assert answer(net, "a", "b", "10.2.0.2").verdict == "unknown"


def test_each_thing_is_doubted_once() -> None:
    net = routed()
    net["r"].ruleset("ip")
    assert len(doubts(net.walk("a", "10.2.0.2"))) == 1


def test_rules_under_the_tunnel_concern_the_outer_packet() -> None:
    net = remotes(overlay())
    net["n"].ruleset("ip")
    assert answer(net, "a", "b", B).verdict == "unknown"


# which of all the copies' endings explains it


def test_the_ending_nearest_to_the_destination_explains_it() -> None:
    """The flooded question ends at c, at the host and at b's port; the last is what counts."""
    net = bridged()
    net["h"].port("vb", bcast_flood=False)
    end = net.ending("a", B)
    assert isinstance(end, NotForwardedByBridge)
    assert end.at == net["h"].at("vb")


def test_an_answer_that_got_lost_explains_more_than_a_question_that_did() -> None:
    net = bridged()
    net["h"].port("va", unicast_flood=False, learning=False)
    end = net.ending("a", B)
    assert isinstance(end, NotForwardedByBridge)
    assert (end.why, end.at) == ("unicast-flood", net["h"].at("va"))


def test_the_reply_counts_once_the_request_was_delivered() -> None:
    net = bridged()
    net["a"].sysctl(conf__all__arp_ignore=8)
    net["b"].neigh("eth0", "10.0.0.1", None, "FAILED")
    net["a"].neigh("eth0", B, net["b"].mac("eth0"))
    end = net.ending("a", B)
    assert isinstance(end, ArpNotAnswered)
    assert (end.why, end.flow.leg) == ("arp_ignore", "reply")


def test_an_end_without_an_address_is_unreachable() -> None:
    net = bridged()
    source, destination = (End(name, "netns", name, net[name].inode) for name in "ab")
    net["b"]._addresses = net["b"]._addresses[:1]
    assert ask(net.host(), Question(source, destination)).verdict == "unreachable"


def test_ipv6_is_unknown() -> None:
    assert answer(bridged(), "a", "b", "fd00::2", family=10).verdict == "unknown"


def test_an_end_whose_namespace_is_gone_is_unknown() -> None:
    net = bridged()
    question = Question(End("a", "netns", "a", net["a"].inode), End("x", "netns", "x", 99, B))
    assert ask(net.host(), question).verdict == "unknown"
