"""Snapshot files: what goes in comes out, and what is no snapshot says so in one line."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

from netdoctor import snapshot
from netdoctor.facts.host import Missing, NamespaceFacts, NamespaceId
from netdoctor.facts.links import Bridge, BridgePort, Link, Macvlan, Vxlan
from netdoctor.facts.processes import Process
from netdoctor.facts.records import (
    Address,
    BridgeVlan,
    FdbEntry,
    Neighbour,
    NextHop,
    NexthopObject,
    Route,
    Rule,
    Ruleset,
)
from netdoctor.facts.tables import TableHost
from netdoctor.snapshot import Snapshot, SnapshotError

FACTS = NamespaceFacts(
    id=NamespaceId(4026531840, ("web",), ("/run/netns/web",), (Process(7, "nginx"),), is_host=True),
    links=(
        Link(1, "br0", 0x1003, 1500, kind="bridge", bridge=Bridge(stp_state=1)),
        Link(
            2,
            "v0",
            0x1003,
            1500,
            kind="veth",
            iflink=3,
            link_netnsid=0,
            master=1,
            port=BridgePort(isolated=True),
        ),
        Link(3, "vx0", 0x1003, 1450, kind="vxlan", vxlan=Vxlan(vni=42, local="10.0.0.1")),
        Link(
            4, "mv0", 0x1003, 1500, kind="macvlan", macvlan=Macvlan("source", sources=("02:00:00:00:00:01",))
        ),
    ),
    addresses=(Address(1, 2, "10.0.0.1", 24, "10.0.0.1"),),
    routes=(Route(2, 254, "0.0.0.0", 0, nexthops=(NextHop(1, "10.0.0.254"),)),),
    rules=(Rule(2, 32766, table=254), Rule(2, 100, dport=(80, 90))),
    nexthops=(NexthopObject(10, group=((11, 1), (12, 3))),),
    neighbours=(Neighbour(1, 2, "10.0.0.9", "STALE", "02:00:00:00:00:09"),),
    fdb=(FdbEntry(3, "00:00:00:00:00:00", 0x80, 2, dst="10.0.0.5", port=4789),),
    vlans=(BridgeVlan(2, 1, pvid=True, untagged=True),),
    rulesets=(Ruleset("nft", "ip", "table ip t (1 rule)", ("nft", "list", "table", "ip", "t")),),
    sysctls={"ipv4/ip_forward": "1", "ipv4/conf/eth0.100/rp_filter": "2"},
    nsids={0: 4026531999},
)
HOST = TableHost("node1", (FACTS,), (Missing("a", "b", "c"),))


@pytest.fixture
def taken() -> Snapshot:
    return snapshot.take(HOST)


@pytest.mark.parametrize("name", ["host.json", "host.json.gz"])
def test_what_goes_in_comes_out(taken: Snapshot, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    snapshot.save(taken, path)
    assert snapshot.load(path) == taken
    assert taken.namespaces == (FACTS,)
    assert path.stat().st_mode & 0o777 == 0o600
    host = snapshot.snapshot_host(snapshot.load(path))
    assert (host.name, host.missing) == ("node1", HOST.missing)
    namespace = host.namespace(4026531840)
    assert namespace is not None
    assert namespace.facts() == FACTS
    assert namespace.sysctl("ipv4/conf/eth0.100/rp_filter") == "2"
    assert namespace.peer_namespace(0) == 4026531999


def test_compressed_is_told_by_content_not_by_name(taken: Snapshot, tmp_path: Path) -> None:
    path = tmp_path / "misnamed.json"
    path.write_bytes(gzip.compress(snapshot.encode(taken)))
    assert snapshot.load(path) == taken


def test_the_head(taken: Snapshot) -> None:
    written = json.loads(snapshot.encode(taken))
    assert written["schema"] == "netdoctor.snapshot/1"
    assert written["tool"]["name"] == "netdoctor"
    assert written["created"].endswith("Z")
    assert written["kernel"] == os.uname().release
    assert written["namespaces"][0]["id"]["inode"] == 4026531840


def refused(path: Path) -> str:
    """Load a file that must be refused, and return the one line that says why."""
    with pytest.raises(SnapshotError) as caught:
        snapshot.load(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    assert len(message) < 400 + len(str(path))
    return message


def edited(taken: Snapshot, *where: str | int, value: Any) -> bytes:
    """Return the snapshot with one value replaced."""
    written = json.loads(snapshot.encode(taken))
    place = written
    for key in where[:-1]:
        place = place[key]
    place[where[-1]] = value
    return json.dumps(written).encode()


@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_truncated(taken: Snapshot, tmp_path: Path, part: float) -> None:
    path = tmp_path / "x"
    data = snapshot.encode(taken)
    path.write_bytes(data[: int(len(data) * part)])
    assert "truncated" in refused(path)
    packed = gzip.compress(data)
    path.write_bytes(packed[: int(len(packed) * part)])
    assert "truncated" in refused(path)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"hello", "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"[]", "not a netdoctor snapshot"),
        (b"null", "not a netdoctor snapshot"),
        (b"{}", "not a netdoctor snapshot"),
        (b'{"schema": 1}', "not a netdoctor snapshot"),
        (b'{"schema": "netdoctor.report/1"}', "its schema is 'netdoctor.report/1'"),
        (b'{"schema": "netdoctor.snapshot/1\\u001b[2J"}', "not a netdoctor snapshot"),
        (b'{"schema": "netdoctor.snapshot/2"}', "version 2; this netdoctor reads version 1"),
        (b'{"schema": "netdoctor.snapshot/1"}', "missing required field `tool`"),
        (b"\x1f\x8bnot gzip at all", "truncated or damaged"),
    ],
)
def test_foreign(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    assert words in refused(path)


@pytest.mark.parametrize(
    ("where", "value", "words"),
    [
        (
            ("namespaces", 0, "links", 1, "mtu"),
            "large",
            "Expected `int`, got `str` - at `$.namespaces[0].links[1].mtu`",
        ),
        (("namespaces",), {}, "$.namespaces"),
        (("namespaces", 0, "id", "inode"), None, "$.namespaces[0].id.inode"),
        (("namespaces", 0, "rules", 1, "dport"), [1, 2, 3], "$.namespaces[0].rules[1].dport"),
        (("namespaces", 0, "nsids"), {"x": 1}, "$.namespaces[0].nsids"),
        (("missing",), [{"what": "x"}], "$.missing[0]"),
        (("host",), 7, "$.host"),
    ],
)
def test_wrong_types_are_named_by_their_place(
    taken: Snapshot, tmp_path: Path, where: tuple[str | int, ...], value: Any, words: str
) -> None:
    path = tmp_path / "x"
    path.write_bytes(edited(taken, *where, value=value))
    assert words in refused(path)


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b'{"schema":"netdoctor.snapshot/1","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"schema":"netdoctor.snapshot/1","namespaces":' + b"9" * 100_000 + b"}",
        b'{"schema":"' + b"x" * 100_000 + b'"}',
    ],
)
def test_hostile(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    refused(path)


def test_too_large_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "LIMIT", 1 << 20)
    path = tmp_path / "bomb.json.gz"
    path.write_bytes(gzip.compress(b" " * (4 << 20)))
    assert "larger than 1 MiB" in refused(path)
    path.write_bytes(b" " * (2 << 20))
    assert "larger than 1 MiB" in refused(path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "absent")
    assert "directory" in refused(tmp_path)


def test_unknown_keys_are_accepted(taken: Snapshot, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(edited(taken, "namespaces", 0, "added_later", value={"a": 1}))
    assert snapshot.load(path) == taken


def test_the_schema_describes_what_is_written(taken: Snapshot) -> None:
    schema = snapshot.snapshot_schema()
    definitions = schema["$defs"]
    described = definitions["Snapshot"]
    assert set(json.loads(snapshot.encode(taken))) == set(described["properties"])
    assert "NamespaceFacts" in definitions


class Vanishing(TableHost):
    """A host one of whose namespaces is gone when it is asked for."""

    def namespaces(self) -> tuple[NamespaceId, ...]:
        return (NamespaceId(1), *super().namespaces())


def test_what_vanishes_is_left_out() -> None:
    assert snapshot.take(Vanishing("node1", (FACTS,))).namespaces == (FACTS,)
