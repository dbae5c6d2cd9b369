"""Where things are otherwise: no owners of tables, no nf_tables, another listener, no privilege, a namespace gone."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence

import pytest

from netdoctor.answer import ask
from netdoctor.collect.live import LiveHost
from netdoctor.collect.namespaces import net_inode
from netdoctor.collect.netlink import NETLINK_NETFILTER
from netdoctor.endpoints import Request, resolve
from netdoctor.probe.trace import nflog, nftables
from netdoctor.probe.trace.leftovers import clean
from netdoctor.probe.trace.listener import Listener
from netdoctor.probe.trace.session import Trace, trace
from netdoctor.tracing.plan import Hanging
from netdoctor.tracing.signature import Alternative
from netdoctor.watch import planned
from tests.agreement.netns import inside
from tests.lab.trace_row import TARGET, Row, translations

RULES = "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p icmp -j ACCEPT\nCOMMIT\n"


@pytest.fixture(scope="module")
def row(kernel: None) -> Iterator[Row]:
    with Row(f"ndto{os.getpid()}-") as made:
        for number, router in enumerate(made.routers):
            router.load("iptables-nft", translations("iptables-nft", 5, number))
            router.load("legacy", RULES)
        yield made


def traced(row: Row) -> Trace:
    with LiveHost() as host:
        question = resolve(host, Request(source=row.names["a"], destination=TARGET, family=2), net_inode)
        answer = ask(host, question)
        plan = planned(host, question, answer.verdict, answer.ending, [answer.walk])
        assert plan is not None
        return trace(host, plan.ping, [answer.walk], plan.watch, lambda _: None, False)


def tables(row: Row) -> list[str]:
    return [router.tool("nft", "list", "tables").stdout for router in row.routers]


@pytest.fixture
def ownerless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel before 5.12: it knows no owner flag."""
    really = nftables.make

    def make(
        sock: socket.socket, table: str, chains: Sequence[Hanging], ways: Sequence[Alternative], owner: bool
    ) -> None:
        if owner:
            raise OSError(errno.EOPNOTSUPP, "Operation not supported")
        really(sock, table, chains, ways, owner)

    monkeypatch.setattr(nftables, "make", make)


def test_a_kernel_without_owners_of_tables(row: Row, ownerless: None) -> None:
    before = tables(row)
    found = traced(row)
    assert {event.backend for event in found.events} == {"nft", "legacy"}
    assert found.answered
    assert tables(row) == before


def test_a_table_without_owner_is_removed_at_the_next_start(
    row: Row, ownerless: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tables(row)
    with monkeypatch.context() as patch:
        # What is left when the process is killed: the lock is gone, the note and the table are not.
        patch.setattr(Listener, "close", lambda listener: listener._claim and listener._claim.leave())
        traced(row)
    assert tables(row) != before
    with LiveHost() as host:
        assert any("nftables table" in line for line in clean(host))
        assert clean(host) == []
    assert tables(row) == before


def test_a_kernel_without_nf_tables_gets_trace_rules(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(*_: object, **__: object) -> None:
        raise OSError(errno.EPROTONOSUPPORT, "Protocol not supported")

    monkeypatch.setattr(nftables, "make", make)
    before = [router.tool("iptables-legacy-save").stdout.count("TRACE") for router in row.routers]
    found = traced(row)
    assert {event.backend for event in found.events} == {"legacy"}
    assert {event.chain for event in found.events} == {"FORWARD"}
    assert [router.tool("iptables-legacy-save").stdout.count("TRACE") for router in row.routers] == before


def test_another_listener_is_named(row: Row) -> None:
    other = inside(row.names["r"], lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER))
    with other:
        other.bind((0, 0))
        nflog.bind(other)
        found = traced(row)
    assert [one.why for one in found.lacking] == ["another program listens to NFLOG group 0"]
    inode = row.routers[0].inode
    assert {event.backend for event in found.events if event.namespace == inode} == {"nft"}
    assert {event.backend for event in found.events if event.namespace != inode} == {"nft", "legacy"}


def test_without_privilege_it_says_so(row: Row) -> None:
    child = subprocess.run(
        (
            "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-m", "netdoctor",
            "trace", row.names["a"], TARGET,
        ),
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert child.returncode in (2, 3), child.stderr
    assert "internal error" not in child.stderr
    assert "Traceback" not in child.stderr


def test_a_namespace_that_vanishes_ends_the_trace_and_nothing_else(row: Row) -> None:
    row.routers[1].tool("iptables-legacy", "-I", "FORWARD", "-j", "DROP")
    events: list[int] = []

    def vanish() -> None:
        listening = row.routers[1].tool("nft", "list", "tables").stdout
        events.append(listening.count("netdoctor-"))
        for name in (row.names["s"], row.names["b"]):
            subprocess.run(("ip", "netns", "del", name), check=True)

    gone = threading.Timer(0.4, vanish)
    gone.start()
    found = traced(row)
    gone.join()
    assert events == [1], "the trace was over before"
    assert found.sent
    assert found.events
    assert not found.answered
