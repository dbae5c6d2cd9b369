"""`netdoctor trace` as a program: side by side with another, with TRACE rules, over a bridge and a tunnel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from netdoctor.lab import Fault, Lab, load_faults
from tests.lab.trace_row import SERVICE, Row, translations

RULES = """*raw
:PREROUTING ACCEPT [0:0]
-A PREROUTING -p tcp -m tcp --dport 1
COMMIT
*filter
:FORWARD DROP [0:0]
:OURS - [0:0]
-A FORWARD -j OURS
-A OURS -p icmp -j ACCEPT
-A OURS -p udp -j RETURN
-A FORWARD -p udp -j ACCEPT
COMMIT
"""


def start(*words: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = (sys.executable, "-m", "netdoctor", *words)
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def report(child: subprocess.Popen[str]) -> dict[str, Any]:
    out, said = child.communicate(timeout=60)
    assert child.returncode in (0, 1), said
    found: dict[str, Any] = json.loads(out)
    return found


def rules(found: dict[str, Any]) -> list[tuple[str, str, str, int | None]]:
    return [(part["backend"], part["table"], part["chain"], part["rule"]) for part in found["trace"]]


@pytest.fixture(scope="module")
def row(kernel: None) -> Iterator[Row]:
    with Row(f"ndtl{os.getpid()}-") as made:
        for number, router in enumerate(made.routers):
            router.load("legacy", RULES)
            router.load("iptables-nft", translations("iptables-nft", 5, number))
            router.load("nft", "table inet own { chain in { type filter hook forward priority 5; counter; } }")
        yield made


@pytest.mark.parametrize("rule", [False, True], ids=["table", "rule"])
def test_two_traces_at_once_see_their_own_packets(row: Row, rule: bool) -> None:
    words = ("trace", row.names["a"], SERVICE, "--json", *(("--legacy",) if rule else ()))
    alone = rules(report(start(*words)))
    assert {"legacy", "nft"} - {backend for backend, *_ in alone} == ({"nft"} if rule else set())
    together = [start(*words), start(*words), start(*words[:4], "--udp", "53", *words[4:])]
    first, second, datagram = (report(child) for child in together)
    assert rules(first) == rules(second) == alone
    assert all(part["packet"]["protocol"] == "udp" for part in datagram["trace"])
    assert "rule" in rules(datagram)[0] or rules(datagram) != alone
    for found in (first, second, datagram):
        assert found["agreement"]["agrees"], found["agreement"]
        assert "in the same order" in found["agreement"]["note"]


def test_a_dropped_packet_ends_where_the_kernel_says(row: Row) -> None:
    found = report(start("trace", row.names["a"], SERVICE, "--tcp", "80", "--json"))
    last = found["trace"][-1]
    assert found["verdict"] == "unreachable"
    assert (last["chain"], last["rule"], last["verdict"]) == ("FORWARD", 0, "drop")
    assert last["namespace"]["name"] == row.names["r"]
    assert last["packet"]["destination_port"] == 80


def test_what_was_traced_is_evidence_of_a_question(row: Row) -> None:
    found = report(start("why-no-ping", row.names["a"], SERVICE, "--trace", "--json"))
    plain = report(start("why-no-ping", row.names["a"], SERVICE, "--json"))
    assert rules(found)
    assert plain["trace"] is None
    assert plain["verdict"] == found["verdict"] == "reachable"


@pytest.mark.parametrize("name", ["bridge-netfilter", "vxlan"])
def test_a_trace_on_the_lab_agrees(kernel: None, build: Callable[[Fault], Lab], name: str) -> None:
    """Bridges with br_netfilter, and tunnels: the packets that are put around others are traced as well."""
    fault = next(fault for key, fault in load_faults().items() if name in key)
    lab = build(fault)
    assert lab
