"""Asking again by itself, without a network: when, because of what, and whether an answer is news."""

from __future__ import annotations

import struct
import time

from msgspec.structs import replace

from netdoctor.collect.netlink import HEADER, attribute
from netdoctor.collect.notice_words import Notice, read_generation, read_route_message
from netdoctor.report import Report
from netdoctor_tui.live.difference import difference
from netdoctor_tui.live.follower import Follower
from netdoctor_tui.live.pace import CEILING, LONGEST_REST, QUIET, QUIET_LEARNED, News, Pace
from netdoctor_tui.source import Answer
from tests.tui.driving import report_of

BROKEN, HEALTHY = "vxlan/fdb-missing", "vxlan/healthy"
ROUTE = Notice(7, "route", "route 10.1.0.0/24 removed")
LEARNED = Notice(7, "neighbour", "neighbour 10.0.0.1 added or changed", ("n", 1), (b"\1", False), learned=True)


def neighbour(kind: int, state: int, lladdr: bytes, family: int = 2) -> Notice | None:
    body = struct.pack("=BxxxiHBB", family, 2, state, 0, 1)
    body += attribute(1, bytes((10, 0, 0, 1))) + attribute(2, lladdr)
    return read_route_message(7, HEADER.pack(16 + len(body), kind, 0, 0, 0) + body)


def link(mtu: int, packets: int) -> Notice:
    body = struct.pack("=BxHiII", 0, 1, 2, 0x1043, 0)
    body += attribute(3, b"eth0\0") + attribute(4, struct.pack("=I", mtu)) + attribute(23, struct.pack("=Q", packets))
    found = read_route_message(7, HEADER.pack(16 + len(body), 16, 0, 0, 0) + body)
    assert found is not None
    return found


def test_a_neighbour_that_is_only_confirmed_is_no_news_and_one_that_moved_is() -> None:
    news = News()
    heard = [
        neighbour(28, 0x02, b"\2\0\0\0\0\1"),  # reachable
        neighbour(28, 0x04, b"\2\0\0\0\0\1"),  # stale
        neighbour(28, 0x10, b"\2\0\0\0\0\1"),  # being asked
        neighbour(28, 0x02, b"\2\0\0\0\0\2"),
        neighbour(28, 0x20, b""),  # failed
        neighbour(29, 0x20, b""),  # and forgotten
    ]
    assert [news.fresh(one) for one in heard if one is not None] == [True, False, False, True, True, False]


def test_the_neighbours_of_another_family_do_not_matter() -> None:
    assert neighbour(28, 0x02, b"\2\0\0\0\0\1", family=10) is None


def test_a_link_whose_counters_move_is_no_news() -> None:
    news = News()
    assert [news.fresh(one) for one in (link(1500, 1), link(1500, 9), link(1400, 9))] == [True, False, True]
    assert link(1500, 1).text == "link eth0 added or changed"


def test_who_committed_rules_is_told() -> None:
    body = bytes(4) + attribute(1, b"\0\0\0\5") + attribute(2, (4711).to_bytes(4, "big")) + attribute(3, b"nft\0")
    assert read_generation(HEADER.pack(16 + len(body), 10 << 8 | 15, 0, 0, 0) + body) == (4711, "nft")


def test_what_is_cut_short_is_no_notice() -> None:
    assert read_route_message(7, HEADER.pack(20, 24, 0, 0, 0) + bytes(4)) is None


def test_a_burst_is_asked_about_once_it_is_over_and_a_long_one_before() -> None:
    pace = Pace()
    pace.noticed(10.0, ROUTE)
    assert pace.due() == 10.0 + QUIET
    for number in range(20):
        pace.noticed(10.0 + number * 0.1, ROUTE)
    assert pace.due() == 10.0 + CEILING
    assert pace.taken() == (ROUTE,)
    assert pace.due() is None


def test_nothing_is_due_while_it_is_being_asked_and_what_came_meanwhile_is_due_soon_after() -> None:
    pace = Pace()
    pace.began(10.0, sending=False)
    pace.noticed(10.1, ROUTE)
    assert pace.due() is None
    pace.ended(10.2, differed=True)
    due = pace.due()
    assert due is not None
    assert 10.2 < due < 12.0


def test_answers_that_bring_nothing_new_come_more_and_more_seldom_and_never_later_than_a_limit() -> None:
    pace, rests = Pace(), []
    for number in range(6):
        now = 100.0 * number
        pace.began(now, sending=False)
        pace.noticed(now, ROUTE)
        pace.ended(now + 0.1, differed=False)
        rests.append(round((pace.due() or 0) - now - 0.1, 3))
        pace.taken()
    assert rests == sorted(rests)
    assert rests[0] < rests[-1] <= LONGEST_REST


def test_what_is_learned_from_packets_of_ones_own_is_no_reason_to_ask() -> None:
    pace = Pace()
    pace.began(10.0, sending=True)
    pace.noticed(10.1, LEARNED)
    pace.ended(11.0, differed=True)
    pace.noticed(11.1, LEARNED)
    assert pace.due() is None
    pace.noticed(11.2, ROUTE)
    assert pace.due() is not None
    pace.taken()
    pace.noticed(60.0, LEARNED)
    assert pace.due() == 60.0 + QUIET_LEARNED


def test_two_answers_that_are_the_same_do_not_differ() -> None:
    report = report_of(BROKEN)
    assert not difference(report, replace(report, created="2026-02-02T00:00:00Z", probe=None))


def test_verdict_causes_and_places_that_changed_are_told() -> None:
    found = difference(report_of(HEALTHY), report_of(BROKEN))
    assert found.verdict == "reachable"
    assert [one.split()[0] for one in found.came] == ["VXL001"]
    assert found.went == ()
    assert "flannel.1" in {place.interface for place in found.places}
    assert found.left, "the reply is not sent any more"
    back = difference(report_of(BROKEN), report_of(HEALTHY))
    assert (back.verdict, back.went, back.came) == ("unreachable", found.came, ())


class Asked:
    """A follower with answers given to it by hand."""

    def __init__(self) -> None:
        self.follower = Follower(lambda because: None)

    def __call__(self, report: Report, *because: str, probe: bool = False) -> bool:
        self.follower.began(probe=probe)
        return self.follower.answered(Answer(report, because=because))


def test_an_answer_that_nobody_asked_for_is_shown_only_if_it_is_another_one() -> None:
    asked = Asked()
    healthy, broken = report_of(HEALTHY), report_of(BROKEN)
    try:
        assert asked(healthy)
        assert not asked(healthy, "route removed")
        assert asked(broken, "route removed")
        assert asked(broken), "who asks gets an answer"
    finally:
        asked.follower.close()


def test_a_prediction_that_has_not_changed_does_not_take_the_place_of_what_packets_have_shown() -> None:
    asked = Asked()
    healthy = report_of(HEALTHY)
    seen = replace(report_of(BROKEN), created="2026-02-02T00:00:00Z")
    try:
        assert asked(healthy)
        assert asked(seen, probe=True)
        assert not asked(healthy, "neighbour added")
    finally:
        asked.follower.close()


def test_a_follower_ends_its_thread() -> None:
    import threading

    asked = Asked()
    asked(report_of(HEALTHY))
    asked.follower.close()
    until = time.monotonic() + 30
    while any(thread.name == "netdoctor-watcher" for thread in threading.enumerate()):
        assert time.monotonic() < until
        time.sleep(0.02)
