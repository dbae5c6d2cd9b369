"""The interactive view on a real network: changes from outside, packets, traces, and being killed at any moment."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from netdoctor.endpoints import Request
from netdoctor_tui.live.follower import Follower
from netdoctor_tui.this_host import ThisHost
from tests.lab.trace_row import Row
from tests.tui.terminal import PATIENCE, Terminal

RULES = "table ip t { chain f { type filter hook forward priority 0; ip protocol icmp counter accept; }; }"
DROP = "table ip dropping { chain f { type filter hook forward priority 0; policy drop; }; }"
#: How often the view is killed at a random moment.
KILLS = int(os.environ.get("NETDOCTOR_TUI_KILLS", "3"))


@pytest.fixture(scope="module")
def row(kernel: None) -> Iterator[Row]:
    with Row(f"ndtv{os.getpid()}-") as made:
        yield made


def view(row: Row, *options: str) -> Terminal:
    return Terminal("tui", *options, f"netns:{row.names['a']}", f"netns:{row.names['b']}")


#: Where, what breaks the way, and what mends it. All but the last two are told by netlink.
CHANGES = [
    ("r", "ip link set rb down", "ip link set rb up; ip route add 10.2.0.0/24 via 10.3.0.2"),
    ("s", "ip route del 10.1.0.0/24", "ip route add 10.1.0.0/24 via 10.3.0.1"),
    ("b", "ip address del 10.2.0.2/24 dev eth0",
     "ip address add 10.2.0.2/24 dev eth0; ip route add default via 10.2.0.1"),
    ("s", f"nft {DROP}", "nft delete table ip dropping"),
    ("s", "sysctl -qw net.ipv4.ip_forward=0", "sysctl -qw net.ipv4.ip_forward=1"),
    ("s", "iptables-legacy -I FORWARD -j DROP", "iptables-legacy -D FORWARD -j DROP"),
    ("b", "sysctl -qw net.ipv4.icmp_echo_ignore_all=1", "sysctl -qw net.ipv4.icmp_echo_ignore_all=0"),
]


def command(text: str) -> tuple[str, ...]:
    """A command line as words; a ruleset of nft is one."""
    name, _, rest = text.partition(" ")
    return (name, rest) if name == "nft" else (name, *rest.split())


def test_a_change_from_outside_is_seen_and_changes_the_verdict_without_a_key(
    row: Row, record_property: Callable[[str, object], None]
) -> None:
    with view(row) as terminal:
        terminal.wait("REACHABLE")
        for short, breaks, mends in CHANGES:
            terminal.wait("● REACHABLE")
            enter = ("ip", "netns", "exec", row.names[short])
            subprocess.run((*enter, *command(breaks)), check=True)
            took = terminal.wait("╳ UNREACHABLE")
            record_property(breaks, round(took, 3))
            print(f"{took:.3f} s after: {breaks}")
            for mend in mends.split("; "):
                subprocess.run((*enter, *command(mend)), check=True)
        terminal.wait("● REACHABLE")
        terminal.wait("was unreachable")
        terminal.press("[")
        terminal.wait("╳ UNREACHABLE")
        terminal.press("q")
        assert terminal.end() == 0
        assert terminal.left_over() == []


def test_packets_of_our_own_are_no_reason_to_ask_again(row: Row) -> None:
    source = ThisHost()
    changes: list[tuple[str, ...]] = []
    request = Request(f"netns:{row.names['a']}", f"netns:{row.names['b']}")
    for short in "arsb":
        subprocess.run(("ip", "-n", row.names[short], "neigh", "flush", "all"), check=True)
    follower = Follower(changes.append)

    def ask(probe: bool, because: tuple[str, ...] = ()) -> bool:
        from msgspec.structs import replace

        follower.began(probe=probe)
        return follower.answered(replace(source.ask(request, lambda _: None, probe=probe), because=because))

    try:
        assert ask(False)
        until = time.monotonic() + PATIENCE
        while not changes and time.monotonic() < until:  # what a new ear may have missed is asked for once
            time.sleep(0.05)
        assert not ask(False, changes[0]), "nothing has changed, so the answer is no news"
        assert ask(True)
        del changes[:]
        time.sleep(2)
        assert changes == []
    finally:
        follower.close()


def test_a_namespace_that_goes_and_comes_back_is_followed(row: Row) -> None:
    name = f"{row.prefix}guest"

    def arrive() -> None:
        for words in (
            f"netns add {name}",
            f"-n {row.names['b']} link add guest type veth peer name eth0 netns {name}",
            f"-n {row.names['b']} address add 10.4.0.1/24 dev guest",
            f"-n {row.names['b']} link set guest up",
            f"-n {name} address add 10.4.0.2/24 dev eth0",
            f"-n {name} link set eth0 up",
        ):
            subprocess.run(("ip", *words.split()), check=True)

    arrive()
    try:
        with Terminal("tui", f"netns:{row.names['b']}", f"netns:{name}") as terminal:
            terminal.wait("● REACHABLE")
            subprocess.run(("ip", "netns", "del", name), check=True)
            terminal.wait("is called")
            until = time.monotonic() + PATIENCE
            while "guest" in subprocess.run(
                ("ip", "-n", row.names["b"], "link"), capture_output=True, text=True, check=True
            ).stdout:
                assert time.monotonic() < until, "the view keeps a deleted namespace alive"
                time.sleep(0.05)
            arrive()
            subprocess.run(("ip", "-n", name, "link", "set", "eth0", "down"), check=True)
            terminal.wait("╳ UNREACHABLE")
    finally:
        subprocess.run(("ip", "netns", "del", name), check=False)
        subprocess.run(("ip", "-n", row.names["b"], "link", "del", "guest"), check=False, stderr=subprocess.DEVNULL)


def test_a_packet_is_traced_after_a_question_and_only_where_that_was_allowed(row: Row) -> None:
    subprocess.run(("ip", "netns", "exec", row.names["r"], "nft", RULES), check=True)
    try:
        with view(row) as terminal:
            terminal.wait("● REACHABLE")
            terminal.press("t")
            terminal.wait("read only: tracing")
            assert "netdoctor-" not in tables(row)
        with view(row, "--allow-system-changes") as terminal:
            terminal.wait("● REACHABLE")
            terminal.press("t")
            terminal.wait("an nftables table netdoctor-")
            terminal.press("n")
            terminal.wait("● REACHABLE")
            assert "netdoctor-" not in tables(row)
            terminal.press("t")
            terminal.wait("an nftables table netdoctor-")
            terminal.press("y")
            terminal.wait("TRACE  what the kernel took")
            assert "ip protocol icmp" in terminal.text
            assert "netdoctor-" not in tables(row)
    finally:
        subprocess.run(("ip", "netns", "exec", row.names["r"], "nft", "delete table ip t"), check=True)


def tables(row: Row) -> str:
    """The tables of nf_tables in all namespaces of the row."""
    return "".join(
        subprocess.run(("ip", "netns", "exec", name, "nft", "list", "tables"), capture_output=True, text=True).stdout
        for name in row.names.values()
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_killed_at_any_moment_it_leaves_terminal_and_system_as_they_were(row: Row, number: int) -> None:
    """While it starts, while it sends packets and while it traces, each at a random moment of it."""
    subprocess.run(("ip", "netns", "exec", row.names["r"], "nft", RULES), check=True)
    picked = random.Random(f"{number}")
    try:
        for time_ in range(KILLS):
            kind = ("starts", "sends", "traces")[time_ % 3]
            with view(row, "--allow-system-changes") as terminal:
                if kind != "starts":
                    terminal.wait("● REACHABLE")
                    terminal.press("x" if kind == "sends" else "t")
                    if kind == "traces":
                        terminal.wait("an nftables table netdoctor-")
                        terminal.press("y")
                begin = time.monotonic()
                while time.monotonic() - begin < picked.uniform(0.0, 1.0):
                    terminal.read()
                terminal.process.send_signal(number)
                terminal.end()
                if number != signal.SIGKILL:
                    assert terminal.left_over() == [], kind
            assert "netdoctor-" not in tables(row), kind
    finally:
        subprocess.run(("ip", "netns", "exec", row.names["r"], "nft", "delete table ip t"), check=True)
