from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import msgspec
import pytest

from netdoctor.cli import main
from netdoctor.facts.host import NamespaceFacts, NamespaceId
from netdoctor.facts.links import IFF_BROADCAST, IFF_LOOPBACK, IFF_LOWER_UP, IFF_UP, Bridge, BridgePort, Link
from netdoctor.facts.records import AF_INET, Address, FdbEntry, Neighbour, NextHop, Route, Rule
from netdoctor.facts.sound import complaint
from netdoctor.facts.tables import TableHost
from netdoctor.snapshot import encode, take

UP = IFF_UP | IFF_LOWER_UP | IFF_BROADCAST
LO = Link(1, "lo", IFF_UP | IFF_LOWER_UP | IFF_LOOPBACK, 65536, address="00:00:00:00:00:00")
RULES = (Rule(AF_INET, 0, table=255), Rule(AF_INET, 32766, table=254), Rule(AF_INET, 32767, table=253))


def mac(number: int) -> str:
    return f"02:00:00:00:00:{number:02x}"


def pod(number: int, other: int) -> NamespaceFacts:
    """A namespace with eth0 (10.0.0.NUMBER) on the node's bridge, which knows the other's lladdr."""
    eth0 = Link(2, "eth0", UP, 1500, "veth", mac(number), iflink=number + 10, link_netnsid=0, operstate="UP")
    return NamespaceFacts(
        NamespaceId(number, (f"pod-{number}",), (f"/run/netns/pod-{number}",)),
        (LO, eth0),
        (Address(2, AF_INET, f"10.0.0.{number}", 24, broadcast="10.0.0.255"),),
        (
            Route(
                AF_INET, 254, "10.0.0.0", 24, nexthops=(NextHop(2),), prefsrc=f"10.0.0.{number}", scope=253
            ),
            Route(AF_INET, 255, f"10.0.0.{number}", 32, "local", (NextHop(2),), scope=254),
        ),
        RULES,
        neighbours=(Neighbour(2, AF_INET, f"10.0.0.{other}", "REACHABLE", mac(other)),),
        nsids={0: 100},
    )


def node() -> NamespaceFacts:
    """The namespace of the bridge and of the far ends of the pods' eth0."""
    bridge = Link(5, "br0", UP, 1500, "bridge", mac(99), bridge=Bridge(), operstate="UP")
    ports = tuple(
        Link(
            n + 10,
            f"veth{n}",
            UP,
            1500,
            "veth",
            mac(n + 50),
            iflink=2,
            link_netnsid=n,
            master=5,
            slave_kind="bridge",
            port=BridgePort(),
        )
        for n in (2, 3)
    )
    fdb = tuple(FdbEntry(n + 10, mac(n), master=5) for n in (2, 3))
    return NamespaceFacts(
        NamespaceId(100, is_host=True), (LO, bridge, *ports), rules=RULES, fdb=fdb, nsids={2: 2, 3: 3}
    )


HOST = TableHost("node-1", (pod(2, 3), pod(3, 2), node()))


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    file = tmp_path / "host.json"
    file.write_bytes(encode(take(HOST)))
    return file


def ask(file: Path, *words: str) -> int:
    return main(["why-no-ping", "pod-2", "pod-3", "--snapshot", str(file), *words])


def test_a_snapshot_answers(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(recorded) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("✓ REACHABLE")
    assert captured.err == ""


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"[]",
        b"{}",
        b'{"schema": "netdoctor.report/1"}',
        b'{"schema": "netdoctor.snapshot/2"}',
        b'{"schema": "netdoctor.snapshot/1"}',
        b'{"schema": 7}',
        b"\x1f\x8b\x08",
        b"[" * 100_000,
        b"\xff\xfe\x00",
    ],
)
def test_a_foreign_file_is_one_line_and_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    file = tmp_path / "foreign\x1b[31m.json"
    file.write_bytes(content)
    assert ask(file) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "\x1b" not in captured.err


def test_a_truncated_file_is_one_line_and_code_2(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = recorded.read_bytes()
    for length in range(1, len(whole) - 2, 97):
        recorded.write_bytes(whole[:length])
        assert ask(recorded) == 2
    assert all(line.startswith("netdoctor: ") for line in capsys.readouterr().err.splitlines())


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (
            NamespaceFacts(NamespaceId(1), addresses=(Address(1, 2, "evil\x1b", 8),)),
            "'evil\\x1b' is no IP address",
        ),
        (
            NamespaceFacts(NamespaceId(1), addresses=(Address(1, 2, "10.0.0.1", 33),)),
            "33 is no prefix length of 10.0.0.1",
        ),
        (NamespaceFacts(NamespaceId(1), routes=(Route(2, 254, "::", 129),)), "129 is no prefix length of ::"),
        (
            NamespaceFacts(NamespaceId(1), links=(Link(1, "lo", 0, 1, address=""),)),
            "'' is no link-layer address",
        ),
        (NamespaceFacts(NamespaceId(1), fdb=(FdbEntry(1, mac(1), dst="x"),)), "'x' is no IP address"),
        (pod(2, 3), None),
        (node(), None),
    ],
)
def test_what_no_kernel_gives_is_named(facts: NamespaceFacts, message: str | None) -> None:
    assert complaint(facts) == message


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in leaves(item, (*path, key))]
    if isinstance(value, list):
        return [leaf for key, item in enumerate(value) for leaf in leaves(item, (*path, key))]
    return [path]


def test_a_made_up_snapshot_never_shows_as_a_bug(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Replace random values by odd ones of the same type; the seed is fixed, so that a failure repeats."""
    chance = random.Random(7)
    original = recorded.read_bytes()
    words = [
        "",
        "x" * 300,
        "\x1b[31m",
        "::1",
        "10.0.0.3",
        "255.255.255.255",
        "0.0.0.0",
        "ff:ff:ff:ff:ff:ff",
        "-1",
    ]
    numbers = [-1, 0, 1, 2, 5, 33, 255, 65536, 2**31, 2**63 - 1]
    for _ in range(200):
        data = msgspec.json.decode(original)
        for path in chance.sample(leaves(data["namespaces"]), 2):
            place = data["namespaces"]
            for key in path[:-1]:
                place = place[key]
            old = place[path[-1]]
            place[path[-1]] = chance.choice(words if isinstance(old, str) else numbers)
        recorded.write_bytes(msgspec.json.encode(data))
        code = ask(recorded, "-v")
        captured = capsys.readouterr()
        assert code in (0, 1, 2, 3), captured.err
        assert "\x1b" not in captured.out + captured.err
