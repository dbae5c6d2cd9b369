"""Snapshots of several hosts on the command line: files, folders, archives; names, twins, hosts that are not there."""

from __future__ import annotations

import gzip
import io
import signal
import tarfile
from pathlib import Path

import pytest
from msgspec.structs import replace

from netdoctor.cli import main
from netdoctor.cli.limit import limited
from netdoctor.collection import host_of_all, load_all
from netdoctor.errors import Undecidable
from netdoctor.facts.fleet import Fleet
from netdoctor.facts.host import NamespaceId
from netdoctor.facts.processes import Process
from netdoctor.facts.tables import TableHost
from netdoctor.snapshot import Snapshot, SnapshotError, encode, take
from tests.unit.networks import Ns


def node(number: int, name: str | None = None) -> Snapshot:
    """The snapshot of a machine with one NIC, eth0 (10.0.0.NUMBER), and a namespace `box` without any."""
    root = Ns(1, "root").dev("eth0", f"10.0.0.{number}/24", kind=None, address=f"02:00:00:00:00:{number:02x}")
    known = NamespaceId(1, is_host=True, processes=(Process(1, "init"),))
    box = Ns(2, "box").dev("d0", f"10.1.0.{number}/24", kind="dummy")
    host = TableHost(
        f"node{number}" if name is None else name, (replace(root.facts(), id=known), box.facts())
    )
    return take(host, "6.1")


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    for number in (1, 2):
        (tmp_path / f"n{number}.json").write_bytes(encode(node(number)))
    return str(tmp_path / "n1.json"), str(tmp_path / "n2.json")


def names(*paths: str) -> list[str]:
    host = host_of_all(load_all(list(paths)))
    assert isinstance(host, Fleet)
    return [member.name for member in host.members]


def ask(source: str, destination: str, *paths: str) -> int:
    words = [word for path in paths for word in ("--snapshot", path)]
    return main(["why-no-ping", source, destination, *words])


def archive(path: Path, mode: str, members: dict[str, bytes]) -> str:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return str(path)


def test_two_files(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert names(*files) == ["node1", "node2"]
    assert ask("host@node1", "host@node2", *files) == 0
    assert "host@node1 reaches host@node2" in capsys.readouterr().out


def test_a_folder_with_other_things_in_it(files: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text('{"schema": "netdoctor.report/1"}')
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "deep.json").mkdir()
    assert names(str(tmp_path)) == ["node1", "node2"]


@pytest.mark.parametrize(("name", "mode"), [("all.tar", "w"), ("all.tar.gz", "w:gz"), ("all.tgz", "w:gz")])
def test_an_archive(tmp_path: Path, name: str, mode: str) -> None:
    path = archive(
        tmp_path / name,
        mode,
        {
            "x/n1.json": encode(node(1)),
            "x/n2.json.gz": gzip.compress(encode(node(2))),
            "../../etc/evil.json": b"{}",
        },
    )
    assert names(path) == ["node1", "node2"]
    assert not (tmp_path.parent / "etc").exists()


def test_compressed_files(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"n{number}.json.gz").write_bytes(gzip.compress(encode(node(number))))
    assert names(str(tmp_path / "n1.json.gz"), str(tmp_path / "n2.json.gz")) == ["node1", "node2"]


def test_hosts_of_one_name_are_called_after_their_files(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"web {number}.json").write_bytes(encode(node(number, "localhost")))
    assert names(str(tmp_path)) == ["web-1", "web-2"]


@pytest.mark.parametrize("name", ["-oProxyCommand=x", "a@b", "", "evil\x1b[31m", "(none)", "x" * 300])
def test_a_name_that_can_stand_in_no_command_is_not_used(tmp_path: Path, name: str) -> None:
    (tmp_path / "one.json").write_bytes(encode(node(1, name)))
    (tmp_path / "two.json").write_bytes(encode(node(2)))
    assert names(str(tmp_path)) == ["one", "node2"]


def test_two_snapshots_of_one_host(
    files: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    later = tmp_path / "later.json"
    later.write_bytes(encode(replace(node(1), created="2030-01-01T00:00:00Z")))
    assert ask("host@node1", "10.0.0.2", files[0], str(later)) == 2
    assert "are both of node1; give one of them" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "destination", "says"),
    [
        ("box", "host@node1", "box is the name of several namespaces: box@node1, box@node2"),
        ("host", "box@node1", "host: every host has one: host@node1, host@node2"),
        ("pid:1", "box@node1", "pid:1 is a process on several hosts: pid:1@node1, pid:1@node2"),
        ("box@node3", "box@node1", "there is no host node3 here; did you mean node"),
        ("box@elsewhere", "box@node1", "there is no host elsewhere here, only node1, node2"),
        ("bxo@node1", "box@node2", "nothing here is called bxo@node1; did you mean box?"),
        ("10.0.0.2@node1", "box@node2", "no namespace here owns the source address 10.0.0.2@node1"),
        ("10.0.0.1@node1", "host@node1", "are the same namespace"),
    ],
)
def test_what_cannot_be_told_apart_is_one_line(
    files: tuple[str, str], capsys: pytest.CaptureFixture[str], source: str, destination: str, says: str
) -> None:
    assert ask(source, destination, *files) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert says in captured.err


def test_the_forms_of_a_namespace_at_a_host(files: tuple[str, str]) -> None:
    for form in ("host", "pid:1", "netns:1", "10.0.0.1"):
        assert ask(f"{form}@node1", "10.0.0.2", *files) == 0


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b\x08", b"{" * 50, b"\x00" * 1024])
def test_one_bad_file_among_good_ones_is_named(
    files: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    bad = tmp_path / "bad.json"
    bad.write_bytes(content)
    assert ask("host@node1", "10.0.0.2", *files, str(bad)) == 2
    assert "bad.json" in capsys.readouterr().err


def test_no_snapshot_in_a_folder_or_an_archive(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for path in (str(empty), archive(tmp_path / "x.tar", "w", {"readme": b"x"})):
        with pytest.raises(SnapshotError, match="holds no snapshot"):
            load_all([path])


def test_an_archive_of_too_many_files(tmp_path: Path) -> None:
    path = archive(tmp_path / "x.tar", "w", {f"f{number}": b"" for number in range(5001)})
    with pytest.raises(SnapshotError, match="more than 5000 files"):
        load_all([path])


def test_a_gzip_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netdoctor.collection.LIMIT", 1 << 20)
    bomb = gzip.compress(bytes(8 << 20))
    (tmp_path / "bomb.json.gz").write_bytes(bomb)
    inside = archive(tmp_path / "bombs.tar", "w", {"bomb.json.gz": bomb})
    twice = archive(tmp_path / "bombs.tar.gz", "w:gz", {"bomb.json": bytes(8 << 20)})
    for path in (str(tmp_path / "bomb.json.gz"), inside, twice):
        with pytest.raises(SnapshotError, match="larger than 1 MiB"):
            load_all([path])


def test_computing_comes_to_an_end() -> None:
    def forever() -> None:
        with limited(1):
            while True:
                pass

    with pytest.raises(Undecidable, match="no answer within 1 seconds"):
        forever()
    assert signal.getsignal(signal.SIGVTALRM) == signal.SIG_DFL
