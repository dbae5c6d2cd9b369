"""Nothing stays behind: a trace that is killed at a random moment, and rulesets, sysctls and all as they were before.

``NETDOCTOR_TRACE_KILLS`` sets how many runs of each kind.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from netdoctor.collect.firewall.tools import PATH
from tests.lab.trace_row import SERVICE, Row, translations

KILLS = int(os.environ.get("NETDOCTOR_TRACE_KILLS", "2"))
#: How long a run takes that nobody ends; it is killed at a random moment within.
LENGTH = 2.2
RULES = """*raw
:PREROUTING ACCEPT [7:700]
[3:300] -A PREROUTING -s 10.9.0.0/16 -j DROP
COMMIT
*filter
:FORWARD DROP [0:0]
:OURS - [0:0]
-A FORWARD -j OURS
-A OURS -m comment --comment "netdoctor is a word that others use too" -p icmp -j ACCEPT
COMMIT
"""
#: Nothing in it changes by itself but counters: no set that packets fill, no quota.
OWN = "table inet own { chain in { type filter hook forward priority 5; counter; meta mark set 0x1; }; }"
COMMAND = (sys.executable, "-m", "netdoctor", "trace")


@pytest.fixture(scope="module")
def row(kernel: None) -> Iterator[Row]:
    with Row(f"ndtk{os.getpid()}-") as made:
        for number, router in enumerate(made.routers):
            router.load("iptables-nft", translations("iptables-nft", 5, number))
            router.load("nft", OWN)
            # `raw` has to be there before: no trace takes it away again (iptable_raw, once it is loaded).
            router.load("legacy", RULES)
        for short in "ab":
            run_in(made.names[short], "iptables-legacy", "-t", "raw", "-S")
        yield made


def run_in(name: str, *words: str) -> str:
    """Run a program in a namespace and return what it prints."""
    command = ("ip", "netns", "exec", name, *words)
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def state(row: Row) -> dict[str, str]:
    """Everything that a trace might leave behind, in all the namespaces of the row, and on the machine."""
    found = {}
    for short, name in row.names.items():
        for words in (
            ("nft", "list", "ruleset"),
            ("iptables-legacy-save", "-c"),
            ("iptables-nft-save", "-c"),
            ("ip6tables-legacy-save",),
            ("sysctl", "-a", "--pattern", "^net"),
        ):
            found[f"{short} {' '.join(words)}"] = still(run_in(name, *words))
    tracing = Path("/sys/kernel/tracing/instances")
    found["tracing instances"] = str(sorted(tracing.iterdir())) if tracing.is_dir() else ""
    return found


def still(text: str) -> str:
    """What is printed without what changes by itself: counters (a packet passes), dates, and what counts things."""
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"\[\d+:\d+\]|packets \d+ bytes \d+|expires \S+", "", text)
    changing = r"^net\.netfilter\.nf_conntrack_count.*\n|^net\.\S*(?:random|uuid)\S*.*\n"
    return re.sub(changing, "", text, flags=re.MULTILINE)


def run(row: Row, *words: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        (*COMMAND, *words), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment
    )


@pytest.mark.parametrize("kind", ["table", "rule"])
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
def test_a_trace_that_is_ended_leaves_nothing_behind(row: Row, kind: str, end: signal.Signals) -> None:
    words = (row.names["a"], SERVICE, *(("--legacy",) if kind == "rule" else ()))
    dice = random.Random(len(kind) + end)
    before = state(row)
    for turn in range(KILLS):
        child = run(row, *words)
        if turn % 2:
            time.sleep(dice.uniform(0.2, LENGTH))
        else:  # while something is in place
            assert child.stderr is not None
            assert any(b"trace: added in" in line for line in child.stderr)
            time.sleep(dice.uniform(0, 0.2))
        child.send_signal(end)
        _, said = child.communicate(timeout=30)
        assert child.returncode in (-end, 130, 0, 1, 3), said
        if end == signal.SIGKILL:
            # The kernel has taken the tables away; of the rest the next start takes care.
            assert "netdoctor-" not in state(row)["r nft list ruleset"]
            assert run(row, "--clean").wait(60) == 0
        assert state(row) == before
    inodes = [os.stat(f"/run/netns/{name}").st_ino for name in row.names.values()]
    assert not [inode for inode in inodes if Path(f"/run/netdoctor/trace-{inode}").exists()]


def test_a_trace_says_what_it_adds_and_removes(row: Row) -> None:
    before = state(row)
    child = run(row, row.names["a"], SERVICE)
    _, said = child.communicate(timeout=60)
    lines = said.decode().splitlines()
    added = [line for line in lines if "trace: added in" in line]
    removed = [line for line in lines if "trace: removed from" in line]
    assert len(added) == len(removed) == 2, said
    assert all("nftables table netdoctor-" in line for line in added), said
    assert state(row) == before


def test_without_trace_no_rule_is_written(row: Row) -> None:
    """A question without --trace leaves the generation of the rulesets as it was: nothing came and went."""
    tables = [router.tool("nft", "-j", "list", "ruleset").stdout for router in row.routers]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PATH": PATH}
    with subprocess.Popen(
        ("ip", "netns", "exec", row.names["r"], "nft", "monitor"), stdout=subprocess.PIPE, text=True
    ) as monitor:
        time.sleep(0.3)
        subprocess.run(
            (sys.executable, "-m", "netdoctor", "why-no-ping", row.names["a"], SERVICE),
            env=environment, check=False, capture_output=True,
        )  # fmt: skip
        monitor.terminate()
        assert monitor.stdout is not None
        changed = [line for line in monitor.stdout if "netdoctor" in line]
    assert not changed
    names = [re.findall(r'"name": "(netdoctor[^"]*)"', table) for table in tables]
    assert names == [[], []]
