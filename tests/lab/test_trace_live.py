"""`netdoctor trace` as a program: side by side with another, with TRACE rules, over a bridge and a tunnel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from netdoctor.answer import ask
from netdoctor.collect.live import LiveHost
from netdoctor.collect.namespaces import net_inode
from netdoctor.endpoints import Request, resolve
from netdoctor.lab import Fault, Lab, load_faults
from netdoctor.lab.commands import question
from netdoctor.probe.trace.session import trace
from netdoctor.watch import planned
from tests.lab.trace_row import SERVICE, TARGET, Row, translations

Build = Callable[[Fault], Lab]

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
            router.load("nft", "table inet own { chain in { type filter hook forward priority 5; counter; }; }")
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


@pytest.mark.parametrize(
    "key",
    [
        "kube-proxy/service",
        "docker-28/user-drops",
        "bridge/bridge-netdev-drop",
        "vxlan/vxlan-other-port-filtered",
        "vxlan/vxlan-input-filtered-legacy",
    ],
)
def test_the_trace_agrees_on_networks_of_the_lab(kernel: None, build: Build, key: str) -> None:
    """Services over a tunnel, br_netfilter, and the hooks of devices."""
    lab = build(load_faults()[key])
    found = report(start(*question(lab), "--trace", "--json"))
    assert found["trace"] is not None
    assert "in the same order" in found["agreement"]["note"], found["agreement"]


@pytest.mark.parametrize("program", ["nft", "nft -a", "xtables-monitor", "kernel"])
def test_a_log_says_what_the_live_trace_said(row: Row, program: str, tmp_path: Path) -> None:
    """Collected in one router while another flow passes, then read with and without a snapshot."""
    log = collected(row, program, tmp_path)
    snapshot = tmp_path / "snapshot.json"
    assert start("snapshot", "-o", str(snapshot)).wait(60) == 0
    live = report(start("trace", row.names["a"], SERVICE, "--json"))
    backend = "legacy" if program == "kernel" else "nft"
    expected = [part for part in live["trace"] if part["namespace"]["name"] == row.names["r"]]
    wanted = [(part["chain"], part["rule"]) for part in expected if part["backend"] == backend]
    for more in ((), ("--snapshot", str(snapshot))):
        found = report(start("trace", row.names["a"], SERVICE, "--trace-log", str(log), "--json", *more))
        assert {part["namespace"]["name"] for part in found["trace"]} == {row.names["r"]}
        got = [(part["chain"], part["rule"]) for part in found["trace"] if part["table"] != "asked"]
        assert all(part["leg"] for part in found["trace"])
        assert [chain for chain, _ in got] == [chain for chain, _ in wanted]
        assert all(mine in (None, rule) for (_, mine), (_, rule) in zip(got, wanted, strict=True))
        assert "in the same order" in found["agreement"]["note"], found["agreement"]


def collected(row: Row, program: str, folder: Path) -> Path:
    """Trace a ping to the service and one to B itself in the first router, among lines of other kinds."""
    log = folder / "log"
    if program == "kernel":
        log.write_text(kernel_log(row))
        return log
    router, inside = row.routers[0], ("ip", "netns", "exec", row.names["r"])
    asking = "table ip asked { chain pre { type filter hook prerouting priority -400; meta nftrace set 1; }; }"
    router.load("nft", asking)
    words = ("--trace",) if program == "xtables-monitor" else ("monitor", "trace")
    with log.open("w") as out:
        out.write("Nov 21 12:00:00 node kernel: eth0: link up\n\x1b]0;title\x07\n")
        out.flush()
        monitor = subprocess.Popen((*inside, *program.split(), *words), stdout=out)
        try:
            time.sleep(0.5)
            for address in (TARGET, SERVICE, SERVICE):
                subprocess.run(
                    ("ip", "netns", "exec", row.names["a"], "ping", "-c1", "-W1", address),
                    check=False, capture_output=True,
                )  # fmt: skip
            time.sleep(0.3)
        finally:
            monitor.terminate()
            monitor.wait()
            router.tool("nft", "delete", "table", "ip", "asked")
    return log


def kernel_log(row: Row) -> str:
    """What the kernel log would hold: only the first namespace writes there, so NFLOG's words are put in lines."""
    said = []
    with LiveHost() as host:
        request = Request(source=row.names["a"], destination=SERVICE, family=2)
        asked = resolve(host, request, net_inode)
        answer = ask(host, asked)
        plan = planned(host, asked, answer.verdict, answer.ending, [answer.walk])
        assert plan is not None
        found = trace(host, plan.ping, [answer.walk], plan.watch, lambda _: None, True)
    for number, event in enumerate(found.events):
        packet = event.packet
        assert packet is not None
        if event.namespace != row.routers[0].inode or event.backend != "legacy":
            continue
        kind = 0 if packet.icmp_type == 0 else 8
        said += [
            f"Nov 21 12:00:00 node kernel: [ 123.4{number:05}] TRACE: {event.table}:{event.chain}:{event.kind}:"
            f"{event.number} IN={packet.iif or ''} OUT={packet.oif or ''} MAC=02:00 SRC={packet.src} DST={packet.dst} "
            f"LEN={packet.length} TOS=0x00 PREC=0x00 TTL={packet.ttl} ID={packet.ip_id} DF PROTO=ICMP TYPE={kind} "
            f"CODE=0 ID={packet.icmp_id} SEQ={packet.icmp_seq} ",
            "Nov 21 12:00:00 node kernel: TRACE: filter:FORWARD:rule:1 IN=ra OUT=rb SRC=10.1.0.7 DST=10.9.0.1 LEN=60 "
            "TOS=0x00 PREC=0x00 TTL=63 ID=7 DF PROTO=TCP SPT=4711 DPT=80 SEQ=1 ACK=0 WINDOW=64240 RES=0x00 SYN URGP=0 ",
        ]
    return "\n".join(said)


@pytest.mark.parametrize(
    "text", [None, "", "no trace\n", "trace id 1 ip f c rule", "\0\xff TRACE: a:b:rule:1 IN= SRC=x"]
)
def test_a_file_that_holds_no_trace_is_refused_in_one_line(row: Row, text: str | None, tmp_path: Path) -> None:
    log = tmp_path / "log"
    if text is not None:
        log.write_text(text)
    child = start("trace", row.names["a"], SERVICE, "--trace-log", str(log))
    _, said = child.communicate(timeout=60)
    assert child.returncode == 2
    assert len([line for line in said.splitlines() if "log" in line]) == 1, said
