from __future__ import annotations

import gzip
import json
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from netdoctor import report as reports
from netdoctor.cli import main
from netdoctor.render.formats import FORMATS
from netdoctor.render.json import render_json
from tests.unit.reports import report


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    file = tmp_path / "report.json"
    file.write_text(render_json(report()), encoding="utf-8")
    return file


@pytest.mark.parametrize("form", FORMATS)
def test_a_saved_report_is_shown_in_every_form(
    form: str, saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", str(saved), "--output", form]) == 0
    shown = capsys.readouterr()
    assert "pod-a" in shown.out
    assert shown.err == ""


def test_json_in_json_out(saved: Path, tmp_path: Path) -> None:
    assert main(["show", str(saved), "--json", "-o", str(tmp_path / "again.json")]) == 0
    assert (tmp_path / "again.json").read_bytes() == saved.read_bytes()


def test_a_report_alone_is_a_command_line(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(saved), "--output", "markdown"]) == 0
    assert capsys.readouterr().out.startswith("## ╳ unreachable: pod-a → pod-b")


def test_a_compressed_report_is_read_too(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packed = saved.with_suffix(".json.gz")
    packed.write_bytes(gzip.compress(saved.read_bytes()))
    assert main([str(packed)]) == 0
    assert "VXL001" in capsys.readouterr().out


def changed(saved: Path, **values: Any) -> bytes:
    return json.dumps({**json.loads(saved.read_text(encoding="utf-8")), **values}).encode()


def test_keys_of_a_later_version_are_no_hindrance(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved.write_bytes(changed(saved, new_key={"a": 1}))
    assert main(["show", str(saved)]) == 0
    assert "VXL001" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"schema": "netdoctor.report/2"}, "schema version 2; this netdoctor reads version 1"),
        ({"schema": "netdoctor.snapshot/1"}, "is not a netdoctor report"),
        ({"schema": "\x1b[31mred"}, "is not a netdoctor report"),
        ({"verdict": "perhaps"}, "is damaged"),
        ({"causes": {"a": 1}}, "is damaged"),
        ({"path": [1, 2]}, "is damaged"),
        ({"question": None}, "is damaged"),
    ],
)
def test_what_is_no_report_of_this_version_costs_one_line(
    values: dict[str, Any], word: str, saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved.write_bytes(changed(saved, **values))
    refused(saved, word, capsys)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "is empty"),
        (b"\x00\xff", "is not JSON"),
        (b"[" * 100_000, "is not a netdoctor report"),
        (b'{"schema": "netdoctor.report/1", "causes": ' + b"[" * 100_000, "is"),
        (b'{"schema": "netdoctor.report/1"', "is truncated"),
        (b"\x1f\x8b\x08garbage", "is truncated or damaged"),
    ],
)
def test_junk_costs_one_line(data: bytes, word: str, saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved.write_bytes(data)
    refused(saved, word, capsys)


def test_a_file_larger_than_any_report_is_not_read(
    saved: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reports, "LIMIT", 1 << 20)
    bomb = saved.with_suffix(".gz")
    bomb.write_bytes(gzip.compress(b" " * (4 << 20)))
    refused(bomb, "is larger than 1 MiB, which no report is", capsys)


@pytest.mark.parametrize(("key", "count"), [("causes", 101), ("hazards", 1001)])
def test_more_than_any_report_has_is_refused(
    key: str, count: int, saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cause = json.loads(saved.read_text(encoding="utf-8"))["causes"][0]
    saved.write_bytes(changed(saved, **{key: [cause] * count}))
    refused(saved, f"{count} {key} are more than any report has", capsys)


@pytest.mark.parametrize("form", FORMATS)
def test_the_largest_report_that_is_taken_is_shown_in_bounded_time(
    form: str, saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = json.loads(saved.read_text(encoding="utf-8"))
    step = held["path"]["legs"][0]["steps"][0]
    name = {"name": "n", "inode": 1}
    node = {"kind": "veth", "host": None, "namespace": name, "label": "", "state": "passed"}
    edge = {"kind": "x", "label": "", "state": "used", "legs": ["request"]}
    nodes = [{**node, "id": f"1/{n}", "interface": f"e{n}"} for n in range(3000)]
    edges = [{**edge, "source": f"1/{n % 300}", "target": f"1/{n * 7 % 299}"} for n in range(20_000)]
    steps = [{**step, "node": "1/1", "detail": f"step {n}"} for n in range(10_000)]
    legs = [{"direction": "request", "outcome": "dropped", "steps": steps}]
    saved.write_bytes(changed(saved, path={"nodes": nodes, "edges": edges, "legs": legs}))
    begin = time.process_time()
    assert main(["show", str(saved), "--output", form]) == 0
    assert time.process_time() - begin < 20
    assert capsys.readouterr().out


def refused(file: Path, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    for form in FORMATS:
        assert main(["show", str(file), "--output", form]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert word in said.err
        assert said.err.count("\n") == 1
        assert "\x1b" not in said.err


def test_a_missing_file_is_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.json")]) == 2
    assert (
        capsys.readouterr().err == f"netdoctor: cannot read {tmp_path}/none.json: No such file or directory\n"
    )


@pytest.mark.parametrize("form", FORMATS)
def test_a_report_whose_parts_do_not_fit_together_is_shown(
    form: str, saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Edges to nowhere, nodes twice, legs without steps or not two of them: shown as far as it goes."""
    node = {"id": "1/1", "kind": "veth", "host": None, "namespace": {"name": "n", "inode": None}, "interface": None,
            "label": "", "state": "strange"}  # fmt: skip
    edge = {"source": "9/9", "target": "1/1", "kind": "x", "label": "", "state": "used"}
    for legs in ([], [{"direction": "reply", "outcome": "dropped", "steps": []}]):
        saved.write_bytes(changed(saved, path={"nodes": [node, node], "edges": [edge, edge], "legs": legs}))
        assert main(["show", str(saved), "--output", form]) == 0
        assert capsys.readouterr().out


def test_a_report_decodes_to_what_was_written() -> None:
    assert msgspec.json.decode(render_json(report()).encode(), type=reports.Report) == report()
