"""Rows made of reports and facts: what stands in them, in both looks, at several widths. No terminal."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from netdoctor.errors import UsageError
from netdoctor.facts.host import NamespaceFacts, NamespaceId
from netdoctor.facts.links import Bridge, BridgePort, Link, Vxlan
from netdoctor.facts.records import Address, FdbEntry, Neighbour, NextHop, Route, Rule
from netdoctor.lab.record import load_recording
from netdoctor.render.sanitize import cleaned, shell_line
from netdoctor.report import Agreement, NamespaceRef, ProbePart, Report, Spot, TapPart, TracePart
from netdoctor_tui.look import ASCII, Look, look_of
from netdoctor_tui.model.asked import line_of, parse_question
from netdoctor_tui.model.chain import chain_lines, chain_rows
from netdoctor_tui.model.facts import fact_rows
from netdoctor_tui.model.headline import Status, question_text, top_row, verdict_rows
from netdoctor_tui.model.path import Place, path_rows, stops, where_it_ends
from netdoctor_tui.model.rows import Row, matching, row
from netdoctor_tui.model.rules import Chain, met_in, rule_rows
from netdoctor_tui.model.step import step_rows
from netdoctor_tui.model.why import fix_text, why_rows
from tests.tui.driving import report_of
from tests.unit.reports import cause, report

UNICODE, PLAIN = Look(True), Look(False)
DROPPED, REJECTED, HEALTHY = "vxlan/fdb-missing", "kube-proxy/composite-both-nodes", "vxlan/healthy"
SOME = (DROPPED, REJECTED, HEALTHY, "docker-like/isolation", "bridge/ebtables-drop", "macvlan/healthy")


def texts(rows: list[Row]) -> list[str]:
    return [one.text for one in rows]


def everything(shown: Report, width: int, look: Look) -> list[Row]:
    """The rows of all views of a report."""
    place = where_it_ends(shown)
    status = Status("lab", ("live", "read only"))
    return [
        top_row(status, question_text(shown, look), width, look),
        *verdict_rows(shown, width, look),
        *path_rows(shown, look),
        *why_rows(shown, width, look),
        *step_rows(shown, place, width, look),
        *rule_rows(shown, place, width, look),
    ]


def test_the_path_shows_what_was_passed_where_it_ends_and_what_was_not_reached() -> None:
    rows = texts(path_rows(report_of(DROPPED), UNICODE))
    assert rows[0] == "request  ╳ does not arrive"
    assert "  ● cni0" in rows
    assert "  ╳ flannel.1  VXL001" in rows
    assert rows.index("  ╳ flannel.1  VXL001") < rows.index(" nd-vxlan-n2") < rows.index("  ○ flannel.1")
    assert rows[-1] == "reply  ○ not sent"


def test_both_legs_of_an_answered_question_are_drawn() -> None:
    rows = texts(path_rows(report_of(HEALTHY), UNICODE))
    assert [line for line in rows if line.startswith(("request", "reply"))] == [
        "request  ● arrives",
        "reply  ● arrives",
    ]
    assert not any("╳" in line or "○" in line for line in rows)


def test_the_first_place_to_look_at_is_where_the_first_cause_sits() -> None:
    place = where_it_ends(report_of(DROPPED))
    assert place is not None
    assert (place.namespace.name, place.interface, place.leg) == ("nd-vxlan-n1", "flannel.1", "request")
    assert where_it_ends(replace(report_of(DROPPED), path=replace(report_of(DROPPED).path, legs=()))) is None


def test_what_changed_is_marked_in_words() -> None:
    place = where_it_ends(report_of(DROPPED))
    assert place is not None
    rows = texts(path_rows(report_of(DROPPED), UNICODE, frozenset((place,))))
    assert "  ╳ flannel.1  VXL001  Δ changed" in rows


def probed(shown: Report) -> Report:
    where = NamespaceRef("nd-vxlan-n1", shown.path.legs[0].steps[-1].namespace.inode)
    taps = (TapPart(where, "cni0", "in", 3, "request"), TapPart(where, "cni0", "out", 1, "answer"))
    probe = ProbePart(
        shown.created, 3, 0, Spot(where, "cni0", "in"), None, "NO_TX_TARGET", "vxlan_xmit", "no remote", taps
    )
    return replace(shown, probe=probe, agreement=Agreement(True, "as walked"))


def test_what_the_taps_saw_stands_beside_each_device() -> None:
    shown = probed(report_of(DROPPED))
    rows = texts(path_rows(shown, UNICODE))
    assert "  ● cni0  3 seen" in rows
    assert "  ● va  not seen" in rows
    bridge = next(stop.place for stop in stops(shown, shown.path.legs[0]) if stop.place.interface == "cni0")
    told = "\n".join(texts(step_rows(shown, bridge, 46, UNICODE)))
    assert "3 sent, 0 answered" in told
    assert "cni0 in  3 request" in told
    assert "last seen entering cni0" in told
    assert "NO_TX_TARGET: no remote" in told


@pytest.mark.parametrize("width", [40, 46, 78])
@pytest.mark.parametrize("key", SOME)
def test_what_is_broken_into_lines_fits_the_width(key: str, width: int) -> None:
    for one in why_rows(report_of(key), width, UNICODE):
        assert len(one.text) <= width, one.text


@pytest.mark.parametrize("key", SOME)
def test_an_ascii_locale_gets_ascii_alone_and_the_same_lines(key: str) -> None:
    drawn, plain = everything(report_of(key), 78, UNICODE), everything(report_of(key), 78, PLAIN)
    assert len(drawn) == len(plain)
    for one in plain:
        assert one.text.isascii(), one.text


def test_every_symbol_has_a_form_in_ascii_and_the_states_differ_in_it() -> None:
    assert all(form.isascii() for form in ASCII.values())
    states = [ASCII[symbol] for symbol in "●╳?○◌"]
    assert len(set(states)) == len(states)


@pytest.mark.parametrize(
    ("environment", "unicode"),
    [
        ({"LANG": "C.UTF-8"}, True),
        ({"LANG": "de_DE.utf8"}, True),
        ({"LANG": "C.UTF-8", "LC_ALL": "C"}, False),
        ({"LC_CTYPE": "en_US.UTF-8", "LANG": "C"}, True),
        ({}, False),
    ],
)
def test_the_locale_decides_which_symbols_are_drawn(environment: dict[str, str], unicode: bool) -> None:
    assert look_of(environment).unicode is unicode


@pytest.mark.parametrize("key", [DROPPED, REJECTED, "docker-like/isolation", "bridge/ebtables-drop"])
def test_verdict_place_and_fix_are_seen_in_a_small_terminal_without_scrolling(key: str) -> None:
    """80x24: 3 lines of headline, a title and the keys leave 19 lines of 46 columns for the causes."""
    shown = report_of(key)
    seen = why_rows(shown, 46, UNICODE)[:19]
    fix = shown.causes[0].fix
    assert fix is not None
    assert any(one.text.startswith("  → ") for one in seen)
    assert {shell_line(command) for command in fix.commands} <= {one.copy for one in seen}


def test_every_line_of_a_command_copies_all_of_it() -> None:
    rows = [one for one in why_rows(report_of(DROPPED), 30, UNICODE) if one.copy]
    assert len(rows) > 2
    assert rows[0].copy == fix_text(report_of(DROPPED))
    assert rows[0].copy.startswith("bridge -n nd-vxlan-n1 fdb append 0e:00:00:00:00:02 dev flannel.1")


def test_two_causes_are_told_in_order_and_hazards_apart() -> None:
    two = replace(report(), causes=(cause(), cause("FWL001")), hazards=(cause("MTU003"),))
    rows = texts(why_rows(two, 60, UNICODE))
    order = ["error[VXL001]", "Once that is fixed", "error[FWL001]", "Nearby, and not", "warning[MTU003]"]
    places = [next(n for n, line in enumerate(rows) if line.startswith(word)) for word in order]
    assert places == sorted(places)


def test_control_characters_and_markup_of_the_system_reach_no_row() -> None:
    evil = "x\x1b[31m\u202e[red]y[/red]"
    shown = cleaned(replace(report(summary=evil), causes=(replace(cause(), title=evil),)))
    for one in everything(shown, 60, UNICODE):
        assert "\x1b" not in one.text
        assert "\u202e" not in one.text
    assert any("[red]y[/red]" in one.text for one in why_rows(shown, 60, UNICODE))


def test_the_rule_that_decides_is_lit_and_marked_in_words() -> None:
    rows = texts(rule_rows(report_of(REJECTED), where_it_ends(report_of(REJECTED)), 60, UNICODE))
    assert "   ▶ ╳ 1: reject, which decides" in rows
    assert "  ip filter FORWARD (nft)" in rows


def test_rules_that_the_kernel_took_a_packet_through_are_held_against_the_prediction() -> None:
    shown = report_of(REJECTED)
    rule = next(rule for leg in shown.path.legs for step in leg.steps for rule in step.rules)
    where = next(step.namespace for leg in shown.path.legs for step in leg.steps if step.rules)
    known = TracePart(
        where, "nft", "ip", rule.table, rule.chain, None, rule.rule, rule.rule_text, "jump X", None, None
    )
    other = replace(known, rule=99, verdict="drop")
    rows = texts(rule_rows(replace(shown, trace=(known, other)), None, 60, UNICODE))
    assert f"  → ip {rule.table} {rule.chain} {rule.rule}: jump X" in rows
    assert f"  ╳ ip {rule.table} {rule.chain} 99: drop  Δ not predicted" in rows


def test_a_chain_is_shown_whole_with_what_the_packet_met_marked() -> None:
    shown = report_of(REJECTED)
    facts = load_recording(REJECTED).namespaces
    chain = next(
        one.key
        for one in rule_rows(shown, None, 60, UNICODE)
        if isinstance(one.key, Chain) and "FORWARD" in one.key.name
    )
    assert isinstance(chain, Chain)
    held = next(one for one in facts if one.id.inode == chain.namespace.inode)
    rows = texts(chain_rows(chain_lines(held, chain), met_in(shown, chain), UNICODE))
    assert rows[0].startswith("▶     1 0 -A FORWARD -s 10.244.1.2/32")
    assert rows[0].endswith("← reject")
    assert len(rows) > 3
    assert not any(line.startswith("▶") for line in rows[1:])
    assert texts(chain_rows(chain_lines(held, chain._replace(name="NOWHERE")), {}, UNICODE)) == [
        "the rules of this chain are not in the facts"
    ]


def test_a_chain_of_nftables_is_shown_in_nfts_words() -> None:
    key = "kube-proxy-nft/composite-reject-and-container"
    shown = report_of(key)
    chain = next(
        one.key
        for one in rule_rows(shown, None, 60, UNICODE)
        if isinstance(one.key, Chain) and one.key.table == "host"
    )
    assert isinstance(chain, Chain)
    held = next(one for one in load_recording(key).namespaces if one.id.inode == chain.namespace.inode)
    rows = texts(chain_rows(chain_lines(held, chain), met_in(shown, chain), UNICODE))
    assert "ip daddr 10.244.1.3 reject with icmp host-prohibited" in rows[0]


FACTS = NamespaceFacts(
    NamespaceId(7, ("pod-a",)),
    links=(
        Link(1, "lo", 0x9, 65536),
        Link(
            2,
            "eth0",
            0x11003,
            1450,
            kind="veth",
            address="02:00:00:00:00:01",
            iflink=9,
            link_netnsid=0,
            master=3,
        ),
        Link(3, "br0", 0x2, 1500, kind="bridge", bridge=Bridge(vlan_filtering=True)),
        Link(
            4,
            "vx",
            0x11003,
            1500,
            kind="vxlan",
            vxlan=Vxlan(42, local="192.0.2.1"),
            port=BridgePort(learning=False),
        ),
    ),
    addresses=(Address(2, 2, "10.0.0.2", 24),),
    routes=(
        Route(2, 254, "0.0.0.0", 0, nexthops=(NextHop(2, "10.0.0.1"),)),
        Route(2, 100, "10.9.0.0", 16, "blackhole", priority=5),
        Route(2, 254, "10.8.0.0", 16, nexthops=(NextHop(2, "10.0.0.3"), NextHop(4, "10.0.0.4", weight=2))),
    ),
    rules=(Rule(2, 0, table=255), Rule(2, 100, table=100, src="10.0.0.0", src_len=8, fwmark=1, fwmask=255)),
    neighbours=(Neighbour(2, 2, "10.0.0.1", "STALE", "02:00:00:00:00:02"),),
    fdb=(FdbEntry(4, "0e:00:00:00:00:01", dst="192.0.2.2", flags=2, state=0x80),),
    sysctls={"ipv4/ip_forward": "1", "ipv4/conf/eth0/rp_filter": "2", "ipv4/conf/vx/rp_filter": "0"},
)


def test_the_facts_of_a_namespace_read_as_iproute2_prints_them() -> None:
    rows = texts(fact_rows(FACTS, None))
    for line in (
        "  eth0: veth, up, mtu 1450, ifindex 2",
        "    lladdr 02:00:00:00:00:01, master br0, peer or lower device if9 in link-netnsid 0",
        "  br0: bridge, DOWN, mtu 1500, ifindex 3",
        "    vxlan: id 42, dstport 8472, local 192.0.2.1, learning on",
        "  10.0.0.2/24 dev eth0 scope global",
        "  default via 10.0.0.1 dev eth0 table main",
        "  blackhole 10.9.0.0/16 table 100 metric 5",
        "  10.8.0.0/16 nexthop via 10.0.0.3 dev eth0 weight 1 nexthop via 10.0.0.4 dev vx weight 2 table main",
        "  100: from 10.0.0.0/8 fwmark 0x1/0xff lookup 100",
        "  10.0.0.1 dev eth0 lladdr 02:00:00:00:00:02 STALE",
        "  0e:00:00:00:00:01 dev vx dst 192.0.2.2 self permanent",
        "  ipv4/ip_forward = 1",
    ):
        assert line in rows, "\n".join(rows)


def test_the_facts_of_a_device_leave_out_those_of_others() -> None:
    rows = texts(fact_rows(FACTS, "eth0"))
    assert "  default via 10.0.0.1 dev eth0 table main" in rows
    assert "  ipv4/conf/eth0/rp_filter = 2" in rows
    assert not any("vx/" in line or "blackhole" in line or "192.0.2.2" in line for line in rows)


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        ("", "abc"),
        ("one", "ab"),
        ("ONE two", "b"),
        ("!one", "c"),
        ("one !two", "a"),
        ("!", "abc"),
        ("nothing", ""),
    ],
)
def test_a_filter_keeps_lines_with_all_words_and_without_those_after_a_mark(wanted: str, left: str) -> None:
    rows = [row("One", key="a"), row("one Two", key="b"), row("three", key="c")]
    assert "".join(str(one.key) for one in matching(rows, wanted)) == left


def test_a_question_is_read_from_a_line() -> None:
    asked = parse_question("pod-a 10.0.0.2 tcp:80")
    assert (asked.source, asked.destination, asked.protocol, asked.port, asked.size) == (
        "pod-a",
        "10.0.0.2",
        "tcp",
        80,
        0,
    )
    assert parse_question("'a b' c --udp 53").source == "a b"
    assert parse_question("pod-c", asked).source == "pod-a"
    assert line_of(asked) == "pod-a 10.0.0.2 tcp:80"


@pytest.mark.parametrize("line", ["", "one", "one two three", "a b tcp:0", "a b tcp:70000", "'a b"])
def test_a_line_that_is_no_question_is_refused(line: str) -> None:
    with pytest.raises(UsageError):
        parse_question(line)


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_the_first_line_fits_and_ends_with_the_state_of_the_app(width: int) -> None:
    status = Status("a-host-with-a-long-name", ("live", "read only"))
    line = top_row(status, "pod-a-with-a-long-name → pod-b-with-a-long-name icmp", width, UNICODE).text
    assert len(line) == width
    assert line.endswith("live · read only")


def test_a_place_of_a_namespace_tells_of_all_its_devices() -> None:
    shown = report_of(DROPPED)
    node = next(
        stop.place for stop in stops(shown, shown.path.legs[0]) if stop.place.namespace.name == "nd-vxlan-n1"
    )
    told = "\n".join(texts(step_rows(shown, Place("request", node.host, node.namespace), 60, UNICODE)))
    assert "va  ● passed, request" in told
    assert "flannel.1  ╳ ends here, request" in told
