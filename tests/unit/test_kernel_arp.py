"""Who asks, who answers and who learns: arp_solicit(), arp_process(), neigh_update()."""

from __future__ import annotations

import pytest

from netdoctor.facts.links import IFF_LOWER_UP, IFF_NOARP, IFF_POINTOPOINT, IFF_UP
from netdoctor.kernel.endings import (
    ArpNotAnswered,
    Ending,
    MartianSource,
    NeighbourUnresolved,
    ReversePath,
)
from netdoctor.kernel.packet import Arp, Frame
from netdoctor.kernel.walk import Walk
from tests.unit.networks import Net, bridged, routed

B = "10.0.0.2"


def why(end: Ending) -> str:
    assert isinstance(end, ArpNotAnswered), end
    return end.why


def declined(net: Net, name: str, address: str, source: str | None = None) -> str | None:
    """Why the namespace `name` does not answer the question that a puts (from `source`), or None where it does."""
    walk = net.walk("a", address, source=source)
    inode = net[name].inode
    return next(
        (end.why for end in walk.endings if isinstance(end, ArpNotAnswered) and end.at.inode == inode), None
    )


def asked(walk: Walk) -> list[str]:
    """The sender addresses of the questions put for the request."""
    frames = [step.carries for step in walk.steps if step.stage == "arp" and step.action == "request"]
    return [
        frame.payload.sip for frame in frames if isinstance(frame, Frame) and isinstance(frame.payload, Arp)
    ]


def two_addresses(**sysctls: int) -> Net:
    """Container b owns 10.0.0.2 on eth0 and 10.5.0.2 on eth1; a reaches both over eth0 of b."""
    net = bridged()
    net["b"].dev("eth1", "10.5.0.2/24").sysctl(**sysctls)
    net["a"].route("10.5.0.0/24 dev eth0")
    return net


@pytest.mark.parametrize(
    ("mode", "address", "answered"),
    [
        (0, "10.0.0.2", True),
        (0, "10.5.0.2", True),
        (1, "10.0.0.2", True),
        (1, "10.5.0.2", False),
        (2, "10.0.0.2", True),
        (2, "10.5.0.2", False),
        (3, "10.5.0.2", True),
        (8, "10.0.0.2", False),
    ],
)
@pytest.mark.parametrize("where", ["all", "eth0"])
def test_arp_ignore_hides_addresses(mode: int, address: str, answered: bool, where: str) -> None:
    net = two_addresses(**{f"conf__{where}__arp_ignore": mode})
    assert net.walk("a", address).answered == answered
    assert declined(net, "b", address) == (None if answered else "arp_ignore")


@pytest.mark.parametrize(("mode", "expected"), [(1, None), (2, "arp_ignore")])
def test_arp_ignore_2_wants_the_asker_in_the_same_prefix(mode: int, expected: str | None) -> None:
    net = bridged()
    net["a"].dev("eth1", "10.5.0.1/24")
    net["b"].route("10.5.0.0/24 dev eth0").sysctl(conf__all__arp_ignore=mode)
    assert declined(net, "b", B) is None
    assert declined(net, "b", B, "10.5.0.1") == expected


def test_arp_ignore_3_hides_addresses_of_scope_host_only() -> None:
    net = bridged()
    net["b"].addr("eth0", "10.0.0.52/32", scope=254).sysctl(conf__all__arp_ignore=3)
    assert net.answered("a", B)
    assert why(net.ending("a", "10.0.0.52")) == "arp_ignore"


@pytest.mark.parametrize(("filtering", "answered"), [(0, True), (1, False)])
def test_arp_filter_answers_only_by_the_device_of_the_way_back(filtering: int, answered: bool) -> None:
    net = two_addresses(conf__all__arp_filter=filtering)
    net["b"].route("10.0.0.1/32 dev eth1")
    assert declined(net, "b", "10.5.0.2") == (None if answered else "arp_filter")


@pytest.mark.parametrize(
    ("mode", "source", "expected"),
    [
        (0, None, "10.0.0.1"),
        (0, "10.5.0.1", "10.5.0.1"),
        (1, "10.5.0.1", "10.0.0.1"),
        (2, "10.5.0.1", "10.0.0.1"),
        (1, "10.0.0.1", "10.0.0.1"),
    ],
)
def test_arp_announce_decides_whose_name_the_question_is_put_in(
    mode: int, source: str | None, expected: str
) -> None:
    net = bridged()
    net["a"].dev("eth1", "10.5.0.1/24").sysctl(conf__all__arp_announce=mode)
    net["b"].route("10.5.0.0/24 dev eth0")
    assert asked(net.walk("a", B, source=source))[0] == expected


def test_a_router_asks_in_its_own_name() -> None:
    """The packet's source is not an own address (arp_announce 0 looks at the type of it)."""
    assert asked(routed().walk("a", "10.2.0.2"))[1] == "10.2.0.1"


def test_a_permanent_neighbour_is_not_asked_for() -> None:
    net = bridged()
    net["a"].neigh("eth0", B, net["c"].mac("eth0"))
    walk = net.walk("a", B)
    assert asked(walk) == []
    assert not walk.answered


@pytest.mark.parametrize(
    ("state", "used"),
    [
        ("PERMANENT", True), ("NOARP", True), ("REACHABLE", True), ("STALE", True), ("DELAY", True), ("PROBE", True),
        ("FAILED", False), ("INCOMPLETE", False), ("NONE", False),
    ],
)  # fmt: skip
def test_a_valid_neighbour_is_used_as_it_is_and_another_asked_for(state: str, used: bool) -> None:
    net = bridged()
    net["a"].neigh("eth0", B, "02:00:00:00:99:99" if used else None, state)
    assert net.walk("a", B).answered != used


def test_an_own_question_teaches_the_asked_one_who_asked() -> None:
    """neigh_event_ns(): b answers the request and sends its echo reply without asking."""
    assert asked(bridged().walk("a", B)) == ["10.0.0.1"]


def test_a_fixed_neighbour_is_not_taught_by_a_question() -> None:
    net = bridged()
    net["b"].neigh("eth0", "10.0.0.1", "02:00:00:00:99:99")
    assert not net.answered("a", B)


def test_the_first_answer_counts() -> None:
    """arp_locktime: what came a moment ago is not replaced by another reply."""
    net = bridged()
    net["c"].addr("eth0", "10.0.0.2/32")
    walk = net.walk("a", B)
    assert walk.answered
    assert walk.reply_from == net["b"].inode


def test_with_no_probes_nobody_is_asked() -> None:
    net = bridged()
    net["a"].sysctl(neigh__eth0__mcast_solicit=0, neigh__eth0__app_solicit=0)
    end = net.ending("a", B)
    assert isinstance(end, NeighbourUnresolved)
    assert end.probes_off


def test_a_device_without_arp_sends_to_its_own_lladdr() -> None:
    net = bridged()
    net["a"].edit("eth0", flags=IFF_UP | IFF_LOWER_UP | IFF_NOARP)
    assert not net.answered("a", B)


def test_a_point_to_point_device_sends_to_all() -> None:
    net = routed()
    net["a"].edit("eth0", flags=IFF_UP | IFF_LOWER_UP | IFF_POINTOPOINT)
    walk = net.walk("a", "10.1.0.1")
    assert walk.steps[2].stage == "neighbour"
    assert net["a"].facts().addresses[1].local not in asked(walk)


# proxy ARP: a is told that 10.2.0.0/16 is on link, r has it behind vb


def proxied(**sysctls: int) -> Net:
    net = routed()
    net["a"].route("10.2.0.0/16 dev eth0")
    net["r"].sysctl(**sysctls)
    return net


@pytest.mark.parametrize("where", ["all", "va"])
def test_proxy_arp_answers_for_what_is_routed_elsewhere(where: str) -> None:
    assert proxied(**{f"conf__{where}__proxy_arp": 1}).answered("a", "10.2.0.2")


def test_without_proxy_arp_a_router_does_not_answer_for_others() -> None:
    assert not proxied().answered("a", "10.2.0.2")


def test_proxy_arp_needs_a_route() -> None:
    net = proxied(conf__va__proxy_arp=1)
    net["a"].route("10.7.0.0/16 dev eth0")
    assert why(net.ending("a", "10.7.0.1")) == "no-route"


def test_proxy_arp_needs_forwarding_on_the_asked_device() -> None:
    net = proxied(conf__va__proxy_arp=1, conf__va__forwarding=0)
    assert why(net.ending("a", "10.2.0.2")) == "forwarding-off"


def test_proxy_arp_does_not_answer_for_its_own_segment() -> None:
    net = proxied(conf__va__proxy_arp=1)
    assert why(net.ending("a", "10.1.0.77")) == "same-device"


@pytest.mark.parametrize("where", ["all", "va"])
def test_proxy_arp_pvlan_answers_for_its_own_segment(where: str) -> None:
    net = proxied(**{f"conf__{where}__proxy_arp_pvlan": 1})
    walk = net.walk("a", "10.1.0.77")
    assert any(step.stage == "arp" and step.action == "reply" for step in walk.steps)


def test_a_proxy_entry_answers_for_one_address() -> None:
    net = proxied()
    net["r"].proxy("va", "10.2.0.2")
    assert net.answered("a", "10.2.0.2")
    assert not net.answered("a", "10.2.0.3")


@pytest.mark.parametrize(
    ("own", "other", "answers"), [(0, 0, True), (-1, 0, False), (1, 2, True), (1, 1, False), (1, -1, False)]
)
def test_medium_id_keeps_proxy_arp_off_one_medium(own: int, other: int, answers: bool) -> None:
    net = proxied(conf__va__proxy_arp=1, conf__va__medium_id=own, conf__vb__medium_id=other)
    assert net.answered("a", "10.2.0.2") == answers


def test_a_proxy_entry_answers_whatever_medium_id_says() -> None:
    net = proxied(conf__va__proxy_arp=1, conf__va__medium_id=-1)
    net["r"].proxy("va", "10.2.0.2")
    assert net.answered("a", "10.2.0.2")


# an ARP request is routed like a packet


def test_the_asker_has_to_pass_rp_filter() -> None:
    net = bridged()
    net["b"].route("10.0.0.1/32 dev lo").sysctl(conf__eth0__rp_filter=1)
    end = net.ending("a", B)
    assert isinstance(end, ReversePath)
    assert end.arp


def test_an_asker_with_the_asked_ones_own_address_is_a_martian() -> None:
    net = bridged()
    net["b"].dev("eth1", "10.0.0.1/32")
    end = net.ending("a", B)
    assert isinstance(end, MartianSource)
    assert end.arp


def test_nobody_owns_the_address() -> None:
    end = bridged().ending("a", "10.0.0.77")
    assert isinstance(end, NeighbourUnresolved)
    assert end.asker.address == "10.0.0.77"
    assert not end.probes_off
