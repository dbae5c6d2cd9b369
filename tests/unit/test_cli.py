from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from netdoctor.cli import connect, main, out, trace, why
from netdoctor.endpoints import Request
from netdoctor.errors import NetdoctorError, UsageError
from netdoctor.report import Report, Verdict
from tests.unit.reports import report


def answer_with(monkeypatch: pytest.MonkeyPatch, given: Report | BaseException) -> None:
    def answer(*_: object) -> Report:
        if isinstance(given, BaseException):
            raise given
        return given

    monkeypatch.setattr(why, "answer", answer)


@pytest.mark.parametrize(("verdict", "code"), [("reachable", 0), ("unreachable", 1), ("unknown", 3)])
def test_the_verdict_is_the_exit_code(monkeypatch: pytest.MonkeyPatch, verdict: Verdict, code: int) -> None:
    answer_with(monkeypatch, report(verdict))
    assert main(["why-no-ping", "a", "b"]) == code
    assert main(["why-no-ping", "a", "b", "--exit-zero"]) == 0


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UsageError("nothing here is called \x1bx"), 2, "netdoctor: nothing here is called \\x1bx\n"),
        (NetdoctorError("odd"), 70, "netdoctor: odd\n"),
        (KeyboardInterrupt(), 130, "netdoctor: interrupted\n"),
    ],
)
def test_an_error_is_one_line_on_stderr(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    line: str,
) -> None:
    answer_with(monkeypatch, error)
    assert main(["why-no-ping", "a", "b"]) == code
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", line)


def test_a_bug_is_code_70_and_a_traceback_only_when_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer_with(monkeypatch, RuntimeError("boom"))
    assert main(["why-no-ping", "a", "b"]) == 70
    quiet = capsys.readouterr().err
    assert quiet.count("\n") == 1
    assert "RuntimeError: boom" in quiet
    assert main(["why-no-ping", "-v", "a", "b"]) == 70
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["why-no-ping"],
        ["why-no-ping", "a"],
        ["why-no-ping", "a", "b", "c"],
        ["why-no-ping", "a", "b", "--size", "-1"],
        ["why-no-ping", "a", "b", "--size", "65508"],
        ["why-no-ping", "a", "b", "-4", "-6"],
        ["why-no-ping", "a", "b", "--output", "html"],
        ["no-such-command"],
        ["--no-such-option"],
        ["why-no-ping", "a", "b", "--snapshot", "x", "--snapshot", "y"],
        ["why-no-ping", "a", "b", "--tcp", "80"],
        ["why-no-connect", "a", "b"],
        ["why-no-connect", "a", "--tcp", "80"],
        ["why-no-connect", "a", "b", "--tcp", "80", "--udp", "53"],
        ["why-no-connect", "a", "b", "--tcp", "0"],
        ["why-no-connect", "a", "b", "--tcp", "65536"],
        ["why-no-connect", "a", "b", "--udp", "-1"],
        ["why-no-connect", "a", "b", "--udp", "\u0664"],
        ["why-no-connect", "a", "b", "--udp", "dns"],
        ["why-no-connect", "a", "b", "--tcp", "80", "--size", "100"],
        ["why-no-connect", "a", "b", "--tcp", "80", "--df"],
        ["why-no-connect", "a", "b", "--udp", "53", "--size", "65508"],
    ],
)
def test_bad_usage_is_one_line_and_code_2(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("netdoctor: ")


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["--tcp", "80"], ("tcp", 80, 0, False)),
        (["--udp", "65535"], ("udp", 65535, 56, False)),
        (["--udp", "1", "--size", "1200", "--df"], ("udp", 1, 1200, True)),
    ],
)
def test_why_no_connect_asks_for_a_port(
    monkeypatch: pytest.MonkeyPatch, words: list[str], asked: tuple[str, int, int, bool]
) -> None:
    seen: list[Request] = []

    def answer(request: Request, snapshots: list[str]) -> Report:
        seen.append(request)
        return report("reachable")

    monkeypatch.setattr(connect, "answer", answer)
    assert main(["why-no-connect", "a", "b", "--from", "10.0.0.1", *words]) == 0
    (request,) = seen
    assert (request.source, request.destination, request.from_address) == ("a", "b", "10.0.0.1")
    assert (request.protocol, request.port, request.size, request.df) == asked


def test_json_on_stdout_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer_with(monkeypatch, report())
    for words in (["--json"], ["--output", "json"]):
        main(["why-no-ping", "a", "b", *words])
        captured = capsys.readouterr()
        assert msgspec.json.decode(captured.out, type=Report) == report()
        assert captured.err == ""


def test_the_answer_can_go_to_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    answer_with(monkeypatch, report())
    file = tmp_path / "answer.txt"
    assert main(["why-no-ping", "a", "b", "--color", "always", "-o", str(file)]) == 1
    assert file.read_text(encoding="utf-8").startswith("╳ UNREACHABLE")
    assert main(["why-no-ping", "a", "b", "-o", str(tmp_path)]) == 2
    assert main(["why-no-ping", "a", "b", "-o", "-"]) == 1
    captured = capsys.readouterr()
    assert "UNREACHABLE" in captured.out
    assert captured.err == f"netdoctor: cannot write {tmp_path}: Is a directory\n"


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("color", "environment", "colored"),
    [
        ("auto", {}, True),
        ("auto", {"NO_COLOR": "1"}, False),
        ("auto", {"NO_COLOR": ""}, True),
        ("auto", {"TERM": "dumb"}, False),
        ("always", {"NO_COLOR": "1"}, True),
        ("never", {}, False),
    ],
)
def test_colour_follows_the_option_then_the_environment(
    monkeypatch: pytest.MonkeyPatch, color: str, environment: dict[str, str], colored: bool
) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert out.stdout_style(color, Terminal(io.BytesIO(), encoding="utf-8")).color is colored


def test_no_colour_and_ascii_where_stdout_is_a_pipe_in_another_encoding() -> None:
    style = out.stdout_style("auto", io.TextIOWrapper(io.BytesIO(), encoding="latin-1"))
    assert (style.color, style.unicode) == (False, False)


def test_checks_and_explain(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import netdoctor.check

    def vxlan_fdb_missing() -> None:
        """No entry.

        The page.
        """

    def down() -> None:
        """D."""

    known = [
        netdoctor.check.Check("LNK001", "down", object, down),
        netdoctor.check.Check("VXL001", "vxlan-fdb-missing", object, vxlan_fdb_missing),
    ]
    monkeypatch.setattr(netdoctor.check, "all_checks", lambda: known)
    monkeypatch.setattr(netdoctor.check, "load", lambda: ("third-party: no module named x",))
    assert main(["checks"]) == 0
    captured = capsys.readouterr()
    assert captured.err == "netdoctor: checks left out: third-party: no module named x\n"
    assert captured.out == "LNK001  down               D\nVXL001  vxlan-fdb-missing  No entry\n"
    for word in ("vxl001", "VXL001", "vxlan-fdb-missing"):
        assert main(["explain", word]) == 0
        assert capsys.readouterr().out == "VXL001 vxlan-fdb-missing\n\nNo entry.\n\nThe page.\n"
    assert main(["explain", "VXL002"]) == 2
    assert (
        capsys.readouterr().err.splitlines()[-1]
        == "netdoctor: there is no check VXL002; did you mean VXL001?"
    )
    assert main(["checks", "--json"]) == 0
    assert msgspec.json.decode(capsys.readouterr().out)[0] == {
        "code": "LNK001",
        "name": "down",
        "title": "D",
    }


PROGRAM = """
import signal, sys, time
from netdoctor.cli import main, why
from tests.unit.reports import report
def answer(*_):
    if "slow" in sys.argv:
        print("ready", file=sys.stderr, flush=True)
        time.sleep(30)
    return report()
why.answer = answer
sys.exit(main(["why-no-ping", "a", "b", "-v"]))
"""


def test_a_full_disk_is_one_line() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
    message = "netdoctor: cannot write the answer: No space left on device\n"
    assert (done.returncode, done.stderr) == (2, message)


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env=os.environ | environment,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_an_interruption(number: int) -> None:
    process = start("slow")
    assert process.stderr is not None
    assert process.stderr.readline() == "ready\n"
    process.send_signal(number)
    _, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (130, "netdoctor: interrupted\n")


def test_a_reader_that_hangs_up_changes_neither_the_code_nor_stderr() -> None:
    process = start()
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert (process.stderr.read(), process.wait(10)) == ("", 1)


def test_output_in_an_ascii_locale_is_ascii() -> None:
    stdout, _ = start(PYTHONIOENCODING="ascii").communicate(timeout=10)
    assert stdout.isascii()
    assert stdout.startswith("x UNREACHABLE")


@pytest.mark.parametrize(
    ("form", "begin"), [("markdown", "## "), ("mermaid", "flowchart"), ("html", "<!DOCTYPE")]
)
def test_a_trace_is_given_in_the_form_that_was_asked_for(
    form: str, begin: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trace, "answer", lambda *_: report())
    assert main(["trace", "a", "b", "--output", form]) == 1
    assert begin.lower() in capsys.readouterr().out[:200].lower()
