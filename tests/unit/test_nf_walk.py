"""Rules on the way of a whole conversation, where no kernel at hand shows it: connections of bridged frames."""

from __future__ import annotations

import json

import pytest

from netdoctor.facts.firewall import FirewallText
from netdoctor.facts.records import Ruleset
from netdoctor.kernel.packet import Flow, Frame, Ip, Place, arriving
from netdoctor.kernel.walk import Walk
from tests.unit.networks import Net, bridged, routed

STATE = {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": "established"}}


def bridge_table(*rules: list[object]) -> FirewallText:
    """A table of the bridge family with one chain at the forward hook."""
    chain = {"family": "bridge", "table": "t", "name": "c", "handle": 1, "type": "filter", "hook": "forward",
             "prio": 0, "policy": "accept"}  # fmt: skip
    items: list[dict[str, object]] = [{"chain": chain}]
    for number, expressions in enumerate(rules, 2):
        rule = {"family": "bridge", "table": "t", "chain": "c", "handle": number, "expr": expressions}
        items.append({"rule": rule})
    return FirewallText("nft", "bridge", "nft", "t", json.dumps({"nftables": items}))


def filtered(*rules: list[object]) -> Net:
    net = bridged()
    net["h"]._tables.update(firewall=[bridge_table(*rules)])
    return net


ARP = [{"match": {"op": "==", "left": {"meta": {"key": "protocol"}}, "right": "arp"}}, {"accept": None}]
FROM_A = [
    {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "10.0.0.1"}},
    {"accept": None},
]


def test_bridged_answers_are_established_where_a_bridge_rule_asks_for_states() -> None:
    assert filtered(ARP, [STATE, {"accept": None}], FROM_A, [{"drop": None}]).answered("a", "10.0.0.2")


def test_a_bridged_request_is_not_established() -> None:
    assert not filtered(ARP, [STATE, {"accept": None}], [{"drop": None}]).answered("a", "10.0.0.2")


def test_a_listened_queue_leaves_it_open() -> None:
    net = routed()
    text = ":FORWARD ACCEPT [0:0]\n[0:0] -A FORWARD -j NFQUEUE --queue-num 5\n"
    net["r"]._tables.update(firewall=[FirewallText("legacy", "ip", "iptables-legacy-save", "filter", text)])
    assert [walk.answered for walk in net.walks("a", "10.2.0.2")] == [False]
    net["r"]._tables.update(rulesets=[Ruleset("nfqueue", "5", "a program at queue 5", ("cat",))])
    assert {walk.answered for walk in net.walks("a", "10.2.0.2")} == {True, False}


@pytest.mark.parametrize(
    ("dst", "kind"),
    [
        ("02:00:00:00:00:01", "unicast"),
        ("02:00:00:00:00:02", "other"),
        ("ff:ff:ff:ff:ff:ff", "broadcast"),
        ("01:00:5e:00:00:01", "multicast"),
    ],
)
def test_the_packet_type_is_what_the_receiving_device_says(dst: str, kind: str) -> None:
    frame = Frame("02:00:00:00:00:09", dst, Ip(Flow("request"), "10.0.0.1", "10.0.0.2", 64, 84))
    assert arriving(frame, "02:00:00:00:00:01").pkttype == kind


@pytest.mark.parametrize(("step", "left"), [(1, 1), (3, 5)])
def test_a_packet_that_goes_round_in_circles_comes_to_its_last_round(step: int, left: int) -> None:
    walk, at = Walk(routed().host()), Place(1, 1)
    ttls = []
    for round_ in range(4):
        packet = Ip(Flow("request"), "10.0.0.1", "10.0.0.2", 50 - step * round_, 84)
        after = walk.later_round(at, Frame("02:00:00:00:00:09", "02:00:00:00:00:08", packet)).payload
        assert isinstance(after, Ip)
        ttls.append(after.ttl)
    assert ttls == [50, 50 - step, 50 - 2 * step, left]
