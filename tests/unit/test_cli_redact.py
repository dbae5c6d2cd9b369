from __future__ import annotations

import json
from pathlib import Path

import pytest

from netdoctor.cli import main
from netdoctor.lab.record import load_recording
from netdoctor.render.formats import FORMATS
from netdoctor.snapshot import load, save

ASKED = ["why-no-ping", "nd-vxlan-a", "netns:nd-vxlan-b"]


@pytest.fixture
def node(tmp_path: Path) -> Path:
    file = tmp_path / "node.json"
    save(load_recording("vxlan/fdb-missing"), file)
    return file


@pytest.mark.parametrize("form", FORMATS)
def test_an_answer_is_given_under_other_names(
    form: str, node: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*ASKED, "--snapshot", str(node), "--output", form]
    assert main(words) == 1
    plain = capsys.readouterr().out
    assert main([*words, "--redact"]) == 1
    hidden = capsys.readouterr().out
    for word in ("nd-vxlan", "10.244.", "192.168.50.", "0e:00:00:00:00:02"):
        assert word in plain or form in ("dot", "mermaid", "svg")
        assert word not in hidden
    assert "VXL001" in hidden
    assert "flannel.1" in hidden


def test_the_map_stands_beside_the_answer_and_is_for_its_owner(
    node: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mapping = tmp_path / "map.json"
    mapping.write_text("old")
    mapping.chmod(0o644)
    assert main([*ASKED, "--snapshot", str(node), "--redact", "--redact-map", str(mapping), "--json"]) == 1
    held, report = json.loads(mapping.read_text(encoding="utf-8")), json.loads(capsys.readouterr().out)
    assert mapping.stat().st_mode & 0o777 == 0o600
    assert held["schema"] == "netdoctor.redaction/1"
    assert report["question"]["source"]["given"] == held["names"]["nd-vxlan-a"]
    assert report["question"]["source"]["address"] == held["addresses"]["10.244.1.2"]
    assert report["question"]["source"]["host"] == held["names"]["lab"]


def test_two_runs_have_two_keys(node: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = set()
    for _ in range(4):
        assert main([*ASKED, "--snapshot", str(node), "--redact"]) == 1
        answers.add(capsys.readouterr().out)
    assert len(answers) > 1


def test_a_map_that_cannot_be_written_is_said(node: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [*ASKED, "--snapshot", str(node), "--redact", "--redact-map", "/nonexistent/map.json"]
    assert main(words) == 2
    assert (
        capsys.readouterr().err
        == "netdoctor: cannot write /nonexistent/map.json: No such file or directory\n"
    )


def test_a_redacted_snapshot_answers_as_the_real_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the command writes is a snapshot like any other, asked by the names that the map tells."""

    class Live:
        def __enter__(self) -> Live:
            return self

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr("netdoctor.collect.live.LiveHost", Live)
    monkeypatch.setattr("netdoctor.snapshot.take", lambda host: load_recording("vxlan/fdb-missing"))
    file, mapping = tmp_path / "hidden.json", tmp_path / "map.json"
    assert main(["snapshot", "-o", str(file), "--redact", "--redact-map", str(mapping)]) == 0
    names = json.loads(mapping.read_text(encoding="utf-8"))["names"]
    assert load(file).host == names["lab"]
    assert "nd-vxlan" not in file.read_text(encoding="utf-8")
    capsys.readouterr()
    assert main(["why-no-ping", names["nd-vxlan-a"], names["nd-vxlan-b"], "--snapshot", str(file)]) == 1
    assert "VXL001" in capsys.readouterr().out
