"""`--pcap`: the file as another reader sees it, and what is refused before a packet is sent."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from netdoctor.cli import main
from netdoctor.cli.pcap import PacketFile
from netdoctor.errors import UsageError
from netdoctor.facts.host import NamespaceFacts, NamespaceId
from netdoctor.facts.links import Link
from netdoctor.facts.observed import LinkLayer, Packet, Sighting
from netdoctor.facts.tables import TableHost
from netdoctor.recording import recorded
from netdoctor.report import NamespaceRef, ProbePart, Report, Spot
from tests.unit.reports import NODE, POD_A, report

#: 28 bytes of an IPv4 packet whose header says 1500.
DATA = bytes.fromhex("450005dc000040004001000a0af401020af40202") + b"\x08\x00" + bytes(6)
SENDER = bytes.fromhex("02420af40102")


def host(name: str = "flannel.1") -> TableHost:
    names = {POD_A: "eth0", NODE: name}
    spaces = [
        NamespaceFacts(NamespaceId(ref.inode or 0, (ref.name,)), (Link(2, device, 1, 1500),))
        for ref, device in names.items()
    ]
    return TableHost("lab", tuple(spaces))


def packet(where: NamespaceRef, time: int, out: bool, **values: Any) -> Packet:
    seen = Sighting(time, where.inode or 0, 2, out, "request", 0, "10.244.1.2", "10.244.2.2")
    return Packet(replace(seen, **values), LinkLayer(0x0800, 1, 4 if out else 0, SENDER), DATA)


def probed() -> Report:
    spot = Spot(NODE, "flannel.1", "out")
    return replace(report(), probe=ProbePart("", 1, 0, spot, None, None, None, None, ()))


def read(data: bytes, folder: Path) -> list[tuple[bytes, Any]]:
    """Read a file as scapy does."""
    from scapy.utils import RawPcapNgReader

    file = folder / "read.pcapng"
    file.write_bytes(data)
    return list(RawPcapNgReader(str(file)))


TWO = [
    packet(POD_A, 1_700_000_000_123_456_789, True),
    packet(NODE, 1_700_000_000_123_457_001, True, number=0, tunnel=True),
]


def test_another_reader_finds_packets_interfaces_directions_times_and_comments(tmp_path: Path) -> None:
    found = read(recorded(host(), probed(), TWO, 9216), tmp_path)
    assert [meta.ifname for _, meta in found] == [b"pod-a/eth0", b"node-1/flannel.1"]
    assert [meta.direction for _, meta in found] == [2, 2]
    assert {meta.tsresol for _, meta in found} == {10**9}
    assert [meta.tshigh << 32 | meta.tslow for _, meta in found] == [one.seen.time for one in TWO]
    assert {meta.wirelen for _, meta in found} == {20 + 1500}
    assert [data[20:] for data, _ in found] == [DATA, DATA]
    assert found[0][1].comments == [b"the probe (number 1)", b"predicted: out of eth0"]
    assert found[1][1].comments[-1] == b"seen here last"
    assert b"inside VXLAN" in found[1][1].comments[0]


def test_the_header_is_that_of_a_cooked_capture(tmp_path: Path) -> None:
    from scapy.layers.l2 import CookedLinuxV2

    data, meta = read(recorded(host(), probed(), TWO, 9216), tmp_path)[0]
    head = CookedLinuxV2(data[:20])
    assert meta.linktype == 276
    assert (head.proto, head.ifindex, head.lladdrtype, head.pkttype) == (0x0800, 2, 1, 4)
    assert head.src[: head.lladdrlen] == SENDER


def test_an_interface_has_one_block_however_many_packets(tmp_path: Path) -> None:
    data = recorded(host(), probed(), [*TWO, *TWO], 9216)
    assert data.count(b"pod-a/eth0") == 1
    assert len(read(data, tmp_path)) == 4


@pytest.mark.parametrize("name", ["a\x1b[31m\n", "\udcff", "\u202eeth0", "ü" * 15])
def test_strange_names_are_written_safely(name: str, tmp_path: Path) -> None:
    found = read(recorded(host(name), probed(), TWO, 9216), tmp_path)
    told = found[1][1].ifname.decode()
    assert told.startswith("node-1/")
    assert not {"\x1b", "\n", "\u202e"} & set(told)


def test_a_run_without_packets_is_a_file_without_packets(tmp_path: Path) -> None:
    assert read(recorded(host(), report(), [], 9216), tmp_path) == []


def ask(*more: str) -> int:
    return main(["why-no-ping", "host", "127.0.0.1", *more])


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (["--no-probe"], "--no-probe forbids it"),
        (["--snapshot", "x.json"], "needs the live host"),
        (["--redact"], "does not go with --redact"),
    ],
)
def test_what_it_does_not_go_with_is_refused(
    more: list[str], word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask("--pcap", str(tmp_path / "a.pcapng"), *more) == 2
    assert word in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "folder", "none/a.pcapng", "link", "/dev/null", "-", "a\0b"])
def test_where_nothing_can_be_written_nothing_is_sent(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def sent(*_: object) -> None:
        raise AssertionError("a probe was sent")

    monkeypatch.setattr("netdoctor.probe.run.observe", sent)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    assert ask("--pcap", name) == 2
    said = capsys.readouterr().err
    assert said.startswith("netdoctor: ")
    assert said.count("\n") == 1 + (os.geteuid() != 0 and "not root" in said)
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "link"}


def test_the_file_takes_its_place_when_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "a.pcapng"
    file.write_bytes(b"before")
    with PacketFile(str(file)) as packets:
        packets.keep(TWO)
        assert file.read_bytes() == b"before"
        packets.write(host(), probed())
    assert len(read(file.read_bytes(), tmp_path)) == 2
    assert file.stat().st_mode & 0o777 == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {"a.pcapng", "read.pcapng"}


def test_a_run_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "a.pcapng"
    file.write_bytes(b"before")
    with pytest.raises(UsageError), PacketFile(str(file)):
        raise UsageError("something else")
    assert file.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [file]


def test_where_nothing_could_be_sent_there_is_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with PacketFile(str(tmp_path / "a.pcapng")) as packets:
        packets.write(host(), report())
    assert "no packet could be sent" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
