"""What is observed decides: real packets, made up here, beside what was walked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from netdoctor.agreement import Crossing, Way, judge, predicted
from netdoctor.answer import ask
from netdoctor.diagnosis import diagnose
from netdoctor.facts.host import Missing
from netdoctor.facts.observed import KernelDrop, Kind, Observation, Sighting
from netdoctor.kernel.packet import Place
from netdoctor.question import End, Question
from netdoctor.render.style import Style
from netdoctor.render.text import render_text
from netdoctor.report import Report
from netdoctor.watch import BEYOND, EXPECTING, NOT_EXPECTING, Plan
from tests.unit.networks import Net, bridged, overlay, remotes, routed
from tests.unit.test_kernel_ip import forked
from tests.unit.test_second_witness import asked

Seen = Callable[[Plan], tuple[Observation | None, tuple[Missing, ...]]]
STYLE = Style(color=False, unicode=True, width=100)


def observation(
    crossings: Sequence[Crossing],
    watched: Sequence[int],
    *,
    answered: bool = False,
    sent: int = 3,
    refused: str | None = None,
    drop: KernelDrop | None = None,
    stray: Sequence[Crossing] = (),
) -> Observation:
    """A run in which the packet made these crossings, in this order."""
    sightings = [_sighting(number, one, False) for number, one in enumerate(crossings)]
    sightings += [_sighting(len(sightings) + number, one, True) for number, one in enumerate(stray)]
    return Observation(
        "2026-01-01T00:00:00.000Z",
        1200.0,
        sent,
        int(answered),
        refused,
        tuple(sightings),
        tuple(watched),
        drop,
    )


def _sighting(time: int, one: Crossing, stray: bool) -> Sighting:
    kind: Kind = "request" if one.leg == "request" else "answer"
    return Sighting(time, one.at.inode, one.at.ifindex, one.out, kind, 0, "10.0.0.1", "10.0.0.2", stray)


def ways_of(net: Net, question: Question) -> list[Way]:
    answer = ask(net.host(), question)
    return [Way(way.verdict, way.walk, way.ending) for way in answer.ways or (answer,)]


def expected(net: Net, question: Question, way: int = 0) -> list[Crossing]:
    return predicted(ways_of(net, question)[way], range(1, 20))


def diagnosed(net: Net, question: Question, seen: Observation) -> Report:
    return diagnose(net.host(), question, None, lambda plan: (seen, ()))


def place(net: Net, text: str) -> Place:
    name, _, dev = text.partition("/")
    return Place(net[name].inode, net[name].index(dev))


ALL = range(1, 20)


def test_the_crossings_of_a_routed_ping() -> None:
    net = routed()
    found = expected(net, asked(net, "b", "10.2.0.2"))
    there = [("a/eth0", True), ("r/va", False), ("r/vb", True), ("b/eth0", False)]
    back = [("b/eth0", True), ("r/vb", False), ("r/va", True), ("a/eth0", False)]
    assert found == [
        *(Crossing("request", place(net, where), out) for where, out in there),
        *(Crossing("reply", place(net, where), out) for where, out in back),
    ]


@pytest.mark.parametrize("make", [bridged, routed, lambda: remotes(overlay())])
def test_an_answer_agrees_with_an_answered_walk(make: Callable[[], Net]) -> None:
    net = make()
    question = asked(net, "b", {"routed": "10.2.0.2"}.get(make.__name__, "10.0.0.2"))
    told = diagnosed(net, question, observation(expected(net, question), ALL, answered=True, sent=1))
    assert told.verdict == "reachable"
    assert told.agreement is not None
    assert told.agreement.agrees
    assert told.probe is not None
    assert (told.probe.sent, told.probe.received) == (1, 1)
    assert told.probe.last_seen is not None
    assert (told.probe.last_seen.interface, told.probe.last_seen.direction) == ("eth0", "in")
    assert told.causes == ()


@pytest.mark.parametrize("lost_at", range(8))
def test_a_loss_that_was_not_foreseen_is_found_where_it_was(lost_at: int) -> None:
    net = routed()
    question = asked(net, "b", "10.2.0.2")
    made = expected(net, question)[:lost_at]
    drop = KernelDrop("TC_INGRESS", "tc_run", "va") if lost_at else None
    told = diagnosed(net, question, observation(made, ALL, drop=drop))
    assert told.verdict == "unreachable"
    (cause,) = told.causes
    assert cause.code == "ENV001"
    assert told.agreement is not None
    assert not told.agreement.agrees
    assert "please send the report" in told.agreement.note
    assert told.probe is not None
    if not made:
        assert told.probe.last_seen is None
        assert "never leaves" in cause.title
        return
    last = made[-1]
    assert cause.leg == last.leg
    assert cause.location.namespace is not None
    assert cause.location.namespace.inode == last.at.inode
    assert ("leaving" if last.out else "entering") in cause.title
    assert told.probe.kernel_drop_reason == "TC_INGRESS"
    assert "tc filter" in (told.probe.kernel_drop_meaning or "")
    assert "TC_INGRESS" in cause.title


def test_a_loss_at_the_place_that_was_named_agrees() -> None:
    net = routed()
    net["r"].sysctl(conf__va__forwarding=0)
    question = asked(net, "b", "10.2.0.2")
    made = expected(net, question)
    assert made[-1] == Crossing("request", place(net, "r/va"), False)
    told = diagnosed(net, question, observation(made, ALL))
    assert told.agreement is not None
    assert told.agreement.agrees
    assert [cause.code for cause in told.causes] == [c.code for c in diagnose(net.host(), question).causes]
    assert told.probe is not None
    assert told.probe.last_seen is not None
    assert told.probe.last_seen.interface == "va"


def test_a_loss_before_the_place_that_was_named_comes_first_and_the_named_one_behind_it() -> None:
    net = routed()
    net["r"].sysctl(conf__va__forwarding=0)
    question = asked(net, "b", "10.2.0.2")
    foreseen = [cause.code for cause in diagnose(net.host(), question).causes]
    told = diagnosed(net, question, observation(expected(net, question)[:1], ALL))
    assert [cause.code for cause in told.causes] == ["ENV001", *foreseen]
    assert told.agreement is not None
    assert not told.agreement.agrees


def test_a_packet_that_comes_further_than_was_said_refutes_the_cause() -> None:
    net = routed()
    net["r"].sysctl(conf__va__forwarding=0)
    question = asked(net, "b", "10.2.0.2")
    beyond = [*expected(net, question), Crossing("request", place(net, "r/vb"), True)]
    told = diagnosed(net, question, observation(beyond, ALL))
    assert [cause.code for cause in told.causes] == ["ENV001"]
    assert told.causes[0].location.interface == "vb"
    assert told.agreement is not None
    assert "predicted was SYS" in told.agreement.note


def test_copies_that_nobody_heeds_refute_nothing() -> None:
    net = routed()
    net["r"].sysctl(conf__va__forwarding=0)
    question = asked(net, "b", "10.2.0.2")
    stray = [Crossing("request", place(net, "b/eth0"), False)]
    told = diagnosed(net, question, observation(expected(net, question), ALL, stray=stray))
    assert told.agreement is not None
    assert told.agreement.agrees


def test_an_answer_where_none_was_foreseen_counts() -> None:
    net = routed()
    net["r"].sysctl(conf__va__forwarding=0)
    healthy = routed()
    question = asked(net, "b", "10.2.0.2")
    made = expected(healthy, asked(healthy, "b", "10.2.0.2"))
    told = diagnosed(net, question, observation(made, ALL, answered=True, sent=1))
    assert told.verdict == "reachable"
    assert told.causes == ()
    assert told.agreement is not None
    assert not told.agreement.agrees
    assert "predicted was SYS" in told.agreement.note
    text = render_text(told, STYLE)
    assert "differs from what was predicted" in text


def test_a_neighbour_that_nobody_is_holds_the_packet_where_it_waits() -> None:
    net = bridged()
    question = asked(net, "b", "10.0.0.77")
    assert expected(net, question) == []
    told = diagnosed(net, question, observation([], ALL))
    assert told.agreement is not None
    assert told.agreement.agrees
    assert "nowhere" in told.agreement.note


@pytest.mark.parametrize(("answered", "verdict"), [(True, "reachable"), (False, "unreachable")])
def test_a_fork_is_settled(answered: bool, verdict: str) -> None:
    net = forked()
    net["t"].sysctl(icmp_echo_ignore_all=1)
    question = asked(net, "s", "10.9.0.1")
    assert diagnose(net.host(), question).verdict == "unknown"
    way = next(n for n, way in enumerate(ways_of(net, question)) if (way.verdict == "reachable") == answered)
    told = diagnosed(net, question, observation(expected(net, question, way), ALL, answered=answered))
    assert told.verdict == verdict
    assert told.agreement is not None
    assert told.agreement.agrees
    assert [cause.code for cause in told.causes] == ([] if answered else ["SYS007"])


@pytest.mark.parametrize(("answered", "verdict"), [(True, "reachable"), (False, "unreachable")])
def test_something_that_is_not_modelled_is_settled(answered: bool, verdict: str) -> None:
    net = routed()
    net["r"].ruleset("netdev", "va")
    question = asked(net, "b", "10.2.0.2")
    assert diagnose(net.host(), question).verdict == "unknown"
    made = expected(net, question)
    told = diagnosed(net, question, observation(made if answered else made[:2], ALL, answered=answered))
    assert told.verdict == verdict
    assert told.agreement is not None
    assert told.agreement.agrees
    assert [cause.code for cause in told.causes] == ([] if answered else ["ENV001"])


def test_beyond_what_is_visible_only_an_answer_decides() -> None:
    net = routed()
    net["r"].dev("nic", "192.0.2.1/24", kind="").route("default via 192.0.2.254 dev nic").forwards()
    net["r"].neigh("nic", "192.0.2.254", "02:00:00:00:00:fe")
    outside = End("198.51.100.1", "address", "198.51.100.1", address="198.51.100.1")
    question = Question(asked(net, "b", "10.2.0.2").source, outside)
    made = expected(net, question)
    assert made[-1] == Crossing("request", place(net, "r/nic"), True)
    assert diagnosed(net, question, observation(made, ALL)).verdict == "unknown"
    back = [Crossing("reply", place(net, "r/nic"), False)]
    assert diagnosed(net, question, observation([*made, *back], ALL, answered=True)).verdict == "reachable"
    lost = diagnosed(net, question, observation(made[:1], ALL))
    assert (lost.verdict, lost.causes[0].code) == ("unreachable", "ENV001")


def test_a_program_that_keeps_silent_is_no_fault_of_the_way() -> None:
    net = routed()
    net["b"].listens("udp", 53)
    end = asked(net, "b", "10.2.0.2")
    question = Question(end.source, end.destination, protocol="udp", port=53)
    made = [one for one in expected(net, question) if one.leg == "request"]
    told = diagnosed(net, question, observation(made, ALL))
    assert told.verdict == "reachable"
    assert told.agreement is not None
    assert told.agreement.agrees
    assert "did not answer" in told.agreement.note
    refused = diagnosed(net, question, observation(made, ALL, refused="ECONNREFUSED"))
    assert refused.verdict == "unreachable"


def test_a_namespace_without_a_tap_is_held_against_nobody() -> None:
    net = routed()
    question = asked(net, "b", "10.2.0.2")
    watched = [net["a"].inode, net["b"].inode]
    made = [one for one in expected(net, question) if one.at.inode in watched]
    judged = judge(ways_of(net, question), "reachable", observation(made, watched, answered=True))
    assert judged.agrees
    assert predicted(ways_of(net, question)[0], watched) == made


def test_nothing_is_sent_where_there_is_nobody_to_send_or_to_send_to() -> None:
    net = bridged()
    plans: list[Plan] = []

    def observer(plan: Plan) -> tuple[Observation | None, tuple[Missing, ...]]:
        plans.append(plan)
        return None, (Missing("a real packet", "not permitted", "run netdoctor as root"),)

    question = asked(net, "b", "10.0.0.2")
    told = diagnose(net.host(), question, None, observer)
    assert told.probe is None
    assert [part.what for part in told.missing] == ["a real packet"]
    nowhere = Question(question.source, End("b", "netns", "b", net["b"].inode, None))
    net_without = Net("a", "b")
    diagnose(net_without.host(), nowhere, None, observer)
    assert len(plans) == 1
    assert plans[0].watch[0] == net["a"].inode
    assert net["b"].inode in plans[0].watch


def test_patience_goes_by_what_is_expected() -> None:
    plans: list[Plan] = []

    def observer(plan: Plan) -> tuple[Observation | None, tuple[Missing, ...]]:
        plans.append(plan)
        return None, ()

    net = remotes(overlay())
    question = asked(net, "b", "10.0.0.2")
    diagnose(net.host(), question, None, observer)
    broken = routed()
    broken["r"].sysctl(conf__va__forwarding=0)
    diagnose(broken.host(), asked(broken, "b", "10.2.0.2"), None, observer)
    udp = routed()
    udp["b"].listens("udp", 53)
    end = asked(udp, "b", "10.2.0.2")
    diagnose(udp.host(), Question(end.source, end.destination, protocol="udp", port=53), None, observer)
    assert [plan.patience for plan in plans] == [EXPECTING, NOT_EXPECTING, BEYOND]
    assert plans[0].vxlan == (4789,)
    assert plans[2].ports == (53,)
    # behind the fault lies what the packet would pass once it is mended
    assert broken["b"].inode in plans[1].watch


def test_text_tells_shortly_and_in_full_with_v() -> None:
    net = routed()
    question = asked(net, "b", "10.2.0.2")
    drop = KernelDrop("NETFILTER_DROP", "nft_do_chain", "va")
    told = diagnosed(net, question, observation(expected(net, question)[:2], ALL, drop=drop))
    text = render_text(told, STYLE)
    assert "Probe: 3 sent, 0 answered; last seen entering va of r" in text
    assert "the kernel's reason: NETFILTER_DROP in nft_do_chain(): a netfilter rule" in text
    assert "a · eth0" not in text.split("Probe:")[1].split("What was")[0]
    full = render_text(told, STYLE, verbose=True)
    rows = [
        line.split()
        for line in full.splitlines()
        if line.startswith("  ") and line.rstrip().endswith("request  1")
    ]
    assert [row[-3] for row in rows] == ["out", "in"]
