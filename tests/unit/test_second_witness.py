"""The running kernel as second witness: what it answers is held against the twin's lookups, and settles forks."""

from __future__ import annotations

from errno import EACCES, EINVAL, ENETUNREACH, EXDEV
from typing import NamedTuple

import pytest

from netdoctor.answer import ask
from netdoctor.diagnosis import diagnose
from netdoctor.kernel.query import FdbQuery, NeighbourQuery, RouteQuery
from netdoctor.question import End, Question
from netdoctor.second_witness import compare, disagreement, route_differences
from tests.unit.networks import Net, bridged, routed
from tests.unit.test_kernel_ip import forked


class Said(NamedTuple):
    """The kernel's answer to a route lookup."""

    kind: str
    oif: int | None = None
    gateway: str | None = None
    errno: int = 0


class Port(NamedTuple):
    """The kernel's answer to an FDB lookup."""

    ifindex: int


class Kernel:
    """A witness with prepared answers; what is not prepared is gone."""

    def __init__(
        self,
        routes: dict[str, Said] | None = None,
        neighbours: dict[str, tuple[str, str | None]] | None = None,
        fdb: dict[str, int] | None = None,
    ) -> None:
        self.routes, self.neighbours, self.ports = routes or {}, neighbours or {}, fdb or {}
        self.asked: list[str] = []

    def route(
        self,
        inode: int,
        destination: str,
        source: str | None = None,
        iif: int | None = None,
        oif: int | None = None,
        mark: int = 0,
        tos: int = 0,
        ip_proto: int = 0,
    ) -> Said:
        self.asked.append(destination)
        if destination not in self.routes:
            raise LookupError(destination)
        return self.routes[destination]

    def neighbour(self, inode: int, ifindex: int, dst: str) -> tuple[str, str | None] | None:
        return self.neighbours.get(dst)

    def fdb(self, inode: int, ifindex: int, lladdr: str, vlan: int = 0) -> Port | None:
        return Port(self.ports[lladdr]) if lladdr in self.ports else None


def lookup(dst: str = "10.0.0.2", **answer: object) -> RouteQuery:
    fields = {"kind": "unicast", "out": 3, "gateway": "10.0.0.9", **answer}
    return RouteQuery(1, dst, None, None, None, 0, 1, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "answer", "same"),
    [
        (lookup(), Said("unicast", 3, "10.0.0.9"), True),
        (lookup(), Said("unicast", 4, "10.0.0.9"), False),
        (lookup(), Said("unicast", 3, "10.0.0.8"), False),
        (lookup(), Said("unicast", 3), False),
        (lookup(gateway=None), Said("unicast", 3), True),
        (lookup(), Said("local", 1), False),
        (lookup(kind="local", out=1, gateway=None), Said("local", 7), True),
        (lookup(), Said("error", errno=ENETUNREACH), False),
        (lookup(error="ENETUNREACH"), Said("error", errno=ENETUNREACH), True),
        (lookup(error="EACCES"), Said("error", errno=EACCES), True),
        (lookup(error="EINVAL"), Said("error", errno=EINVAL), True),
        (lookup(error="EINVAL"), Said("error", errno=EXDEV), True),
        (lookup(error="EINVAL"), Said("error", errno=EACCES), False),
        (lookup(error="EINVAL"), Said("unicast", 3, "10.0.0.9"), False),
    ],
)
def test_a_route_is_the_same_by_type_device_and_gateway(query: RouteQuery, answer: Said, same: bool) -> None:
    assert (disagreement(query, Kernel({"10.0.0.2": answer})) is None) == same


@pytest.mark.parametrize(
    ("answer", "same"),
    [
        (("STALE", "02:00:00:00:00:02"), True),
        (("REACHABLE", "02:00:00:00:00:03"), False),
        (("INCOMPLETE", None), True),
        (None, True),
    ],
)
def test_a_neighbour_differs_only_by_another_lladdr(
    answer: tuple[str, str | None] | None, same: bool
) -> None:
    kernel = Kernel(neighbours={"10.0.0.2": answer} if answer else {})
    assert (disagreement(NeighbourQuery(1, 2, "10.0.0.2", "02:00:00:00:00:02"), kernel) is None) == same


@pytest.mark.parametrize(("port", "same"), [(5, True), (6, False), (None, True)])
def test_an_fdb_entry_differs_only_by_another_port(port: int | None, same: bool) -> None:
    kernel = Kernel(fdb={"02:00:00:00:00:02": port} if port else {})
    assert (disagreement(FdbQuery(1, 4, "02:00:00:00:00:02", 0, 5), kernel) is None) == same


def test_each_question_is_asked_once_and_what_is_gone_is_left_out() -> None:
    kernel = Kernel({"10.0.0.2": Said("unicast", 3, "10.0.0.9")})
    found = compare([lookup(), lookup(), lookup("10.7.0.1")], kernel)
    assert found is not None
    assert found.agrees
    assert "all 1 lookups" in found.note
    assert kernel.asked == ["10.0.0.2", "10.7.0.1"]


def test_without_anybody_to_ask_nothing_is_said() -> None:
    assert compare([lookup("10.7.0.1")], Kernel()) is None
    assert compare([], Kernel()) is None


def test_what_differs_is_shown() -> None:
    found = compare([lookup()], Kernel({"10.0.0.2": Said("unicast", 4)}))
    assert found is not None
    assert not found.agrees
    assert "twin unicast out 3 via 10.0.0.9, kernel unicast out 4 via -" in found.note


def test_only_route_lookups_show_which_fork_was_taken() -> None:
    kernel = Kernel({"10.0.0.2": Said("unicast", 4)}, {"10.0.0.2": ("STALE", "02:00:00:00:00:09")})
    neighbour = NeighbourQuery(1, 2, "10.0.0.2", "02:00:00:00:00:02")
    assert route_differences([lookup(), neighbour, lookup("10.7.0.1")], kernel) == 1


def asked(net: Net, destination: str, address: str) -> Question:
    source = End("a", "netns", "a", net["a"].inode)
    return Question(source, End(destination, "netns", destination, net[destination].inode, address))


@pytest.mark.parametrize(("leg", "verdict"), [("vs", "reachable"), ("vt", "unreachable")])
def test_the_kernels_choice_settles_a_fork(leg: str, verdict: str) -> None:
    net = forked()
    net["t"].sysctl(icmp_echo_ignore_all=1)
    gateway = {"vs": "10.5.0.2", "vt": "10.6.0.2"}[leg]
    question = asked(net, "s", "10.9.0.1")
    assert ask(net.host(), question).verdict == "unknown"
    chosen = RouteAt(net["r"].inode, Said("unicast", net["r"].index(leg), gateway))
    assert ask(net.host(), question, chosen).verdict == verdict


class RouteAt(Kernel):
    """A witness that answers the route lookups of one namespace only."""

    def __init__(self, inode: int, said: Said) -> None:
        super().__init__()
        self.inode, self.said = inode, said

    def route(self, inode: int, destination: str, *rest: object, **more: object) -> Said:
        if inode != self.inode or destination != "10.9.0.1":
            raise LookupError(destination)
        return self.said


def test_a_report_without_a_witness_says_nothing_of_agreement() -> None:
    net = bridged()
    assert diagnose(net.host(), asked(net, "b", "10.0.0.2")).agreement is None


def test_what_loops_back_is_not_looked_up_again() -> None:
    """ip_rcv_finish_core() keeps the route of the output; asked as a packet that came in, the kernel says EINVAL."""
    walk = routed().walk("a", "10.1.0.2")
    assert walk.answered
    routes = [query for query in walk.queries if isinstance(query, RouteQuery)]
    assert routes
    assert all(query.iif is None for query in routes)
