"""`netdoctor tui`: what it takes, what it refuses in one line, and what it brings along."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from netdoctor import cli
from netdoctor.lab.record import load_recording
from netdoctor.render.json import render_json
from netdoctor.snapshot import save
from tests.tui.driving import report_of

KEY = "vxlan/fdb-missing"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a report, a snapshot and a file that is neither."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "report.json").write_text(render_json(report_of(KEY)), encoding="utf-8")
    save(load_recording(KEY), tmp_path / "host.json.gz")
    (tmp_path / "other.json").write_text("{}", encoding="utf-8")
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run the command with words that it refuses, and return the one line that says why."""
    assert cli.main(["tui", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = [line for line in captured.err.splitlines() if "not root" not in line]
    return line


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("one",), "give SRC and DST, or neither: one"),
        (("one", "two", "three"), "give SRC and DST, or neither"),
        (("missing.json",), "cannot read missing.json"),
        (("other.json",), "other.json is not a netdoctor"),
        (("a", "b", "report.json"), "answers one question only"),
        (("report.json", "host.json.gz"), "report.json"),
        (("a", "b", "--tcp", "0"), "not a port"),
        (("a", "b", "--tcp", "80", "--udp", "53"), "not allowed with"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(
    words: tuple[str, ...], told: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told in refused(capsys, *words)


@pytest.mark.parametrize("words", [(), ("report.json",), ("host.json.gz",), ("a", "b", "host.json.gz")])
def test_without_a_terminal_it_says_so(
    words: tuple[str, ...], files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "needs a terminal" in refused(capsys, *words)


def test_without_textual_it_says_how_to_get_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("netdoctor.cli.tui.find_spec", lambda name: None)
    assert "pip install 'netdoctor[tui]'" in refused(capsys)


def test_words_are_told_apart(files: Path) -> None:
    from netdoctor.cli.tui import _sorted

    assert _sorted(["a", "b", "report.json"]) == (["a", "b"], ["report.json"])
    assert _sorted(["ns/pod", "b"]) == (["ns/pod", "b"], [])
    (files / "plain").mkdir()
    assert _sorted(["plain"]) == ([], ["plain"])
    assert _sorted(["plain", "b"]) == (["plain", "b"], [])
    assert _sorted(["./plain", "a", "b"]) == (["a", "b"], ["./plain"])


def runs(program: str) -> None:
    """Run a program in an interpreter that has imported nothing yet; it must not fail."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_other_command_imports_textual() -> None:
    program = (
        "import sys\n"
        "from netdoctor.cli import main\n"
        "main(['checks'])\n"
        "assert not {'textual', 'netdoctor_tui', 'rich'} & set(sys.modules)\n"
    )
    runs(program)


def test_the_models_and_sources_need_no_textual() -> None:
    program = (
        "import pkgutil, importlib, sys, netdoctor_tui.model as m\n"
        "for found in pkgutil.iter_modules(m.__path__, m.__name__ + '.'):\n"
        "    importlib.import_module(found.name)\n"
        "import netdoctor_tui.files, netdoctor_tui.this_host\n"
        "assert not {'textual', 'rich'} & set(sys.modules), set(sys.modules)\n"
    )
    runs(program)


def test_the_options_are_those_of_the_other_questions() -> None:
    from netdoctor.cli.parser import build_parser

    args = build_parser(["tui"]).parse_args(
        ["tui", "a", "b", "--udp", "53", "-4", "--from", "10.0.0.1", "--redact"]
    )
    assert isinstance(args, argparse.Namespace)
    from netdoctor.cli.tui import _request

    asked = _request(["a", "b"], args)
    assert (asked.protocol, asked.port, asked.family, asked.from_address) == ("udp", 53, 2, "10.0.0.1")
    assert args.redact
    assert not args.allow_system_changes


def test_the_readme_has_the_keys_as_the_help_tells_them() -> None:
    from netdoctor_tui.actions import table

    assert table() in (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
