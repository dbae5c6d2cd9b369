"""What is proposed while a command line is typed, and that real shells take it up."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from netdoctor.cli import main
from netdoctor.cli.completing import FILES, proposals, split
from netdoctor.cli.completion import SCRIPTS
from netdoctor.cli.parser import COMMANDS
from netdoctor.facts.containers import Container
from netdoctor.facts.host import NamespaceFacts, NamespaceId
from netdoctor.facts.tables import TableHost
from netdoctor.snapshot import save, take

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    """A snapshot with names of several kinds, one of them hostile."""
    spaces = [
        NamespaceFacts(NamespaceId(1, is_host=True)),
        NamespaceFacts(NamespaceId(2, ("pod-a",))),
        NamespaceFacts(NamespaceId(3, ("$(reboot)",))),
        NamespaceFacts(NamespaceId(4, containers=(Container("docker", "web-shop", "c0ffee"),))),
        NamespaceFacts(NamespaceId(5, containers=(Container("cri", "c", "beef", "prod/api"),))),
    ]
    file = tmp_path / "host.json"
    save(take(TableHost("lab", tuple(spaces)), kernel="6.1"), file)
    return file


def proposed(line: str) -> list[str]:
    return [word for word, _ in proposals(line)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("netdoctor why-no-p", ["why-no-ping"]),
        ("netdoctor --v", ["--version"]),
        ("netdoctor why-no-ping a b --outp", ["--output"]),
        ("netdoctor why-no-ping a b --output ma", ["markdown"]),
        ("netdoctor why-no-ping a b --output=ma", ["--output=markdown"]),
        ("netdoctor map --output s", ["svg"]),
        ("netdoctor why-no-ping a b --pcap x", [FILES]),
        ("netdoctor why-no-ping a b --size ", []),
        ("netdoctor why-no-ping a b c", []),
        ("netdoctor why-no-connect a b --tcp 80 --ud", []),  # one or the other
        ("netdoctor why-no-ping a b --json --js", []),
        ("netdoctor why-no-ping --snapshot a --snap", ["--snapshot"]),  # may be given again
        ("netdoctor completion f", ["fish"]),
        ("netdoctor completion --li", []),  # for the scripts alone
        ("netdoctor lab u", ["up"]),
        ("netdoctor lab up vxlan --fault fdb-mis", ["fdb-missing"]),
        ("netdoctor explain VXL001", ["VXL001"]),
        ("netdoctor explain vxlan-fdb-mis", ["vxlan-fdb-missing"]),
        ("netdoctor report.json --output mer", ["mermaid"]),
        ("netdoctor some/fold", [FILES]),
        ("netdoctor show ", [FILES]),
        ("netdoctor tui x y --no-pr", ["--no-probe"]),
        ("netdoctor tui x hos", ["host", FILES]),
        ("netdoctor nonsense ", []),
    ],
)
def test_the_parser_says_what_may_follow(line: str, expected: list[str]) -> None:
    assert proposed(line) == expected


def test_every_command_is_proposed() -> None:
    assert proposed("netdoctor ") == list(COMMANDS)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("", ["api", "host", "pod-a", "prod/api", "web-shop"]),
        ("pod", ["pod-a"]),
        ("docker:", ["docker:web-shop"]),
        ("pod:prod/", ["pod:prod/api"]),
        ("netns:", ["netns:pod-a"]),
        ("$", []),
    ],
)
def test_names_come_from_the_snapshot_on_the_line(typed: str, expected: list[str], snapshot: Path) -> None:
    found = proposed(f"netdoctor why-no-ping --snapshot {snapshot} {typed}")
    assert [word for word in found if word != "c"] == [word for word in expected if word != "api"]
    assert proposed(f"netdoctor why-no-ping host --snapshot={snapshot} {typed}") == found


def test_the_names_of_this_host(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "--line", "netdoctor why-no-ping ho"]) == 0
    assert "host\tthe host's own network namespace\n" in capsys.readouterr().out


def test_an_error_is_no_proposal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "junk.json").write_text("junk")
    line = f"netdoctor why-no-ping --snapshot {tmp_path}/junk.json "
    assert main(["completion", "--line", line]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("netdoctor ", ["netdoctor", ""]),
        ("netdoctor", ["netdoctor", ""]),
        ("netdoctor why", ["netdoctor", "why"]),
        ("netdoctor 'a b' ", ["netdoctor", "a b", ""]),
        ("netdoctor 'a b", ["netdoctor", "a b"]),
        ('netdoctor "', ["netdoctor", ""]),
    ],
)
def test_a_line_is_cut_as_a_shell_does(line: str, words: list[str]) -> None:
    assert split(line)[-2:] == words[-2:]


def test_it_asks_for_which_shell(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion"]) == 2
    assert capsys.readouterr().err == "netdoctor: for which shell: bash, zsh, fish?\n"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A place where `netdoctor` is this one."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "netdoctor"
    program.write_text(
        f'#!/bin/sh\nPYTHONPATH="{os.pathsep.join(sys.path)}" exec {sys.executable} -m netdoctor "$@"\n'
    )
    program.chmod(0o755)
    return {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "TERM": "dumb",
        "LC_ALL": "C.UTF-8",
    }


@contextmanager
def terminal(command: list[str], environment: dict[str, str]) -> Iterator[int]:
    """Run a shell at a terminal of its own, and give its other end."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execvpe(command[0], command, environment)
    try:
        yield fd
    finally:
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(fd)


def until(fd: int, word: str) -> str:
    """Read until the word has come."""
    said, end = "", time.monotonic() + PATIENCE
    while word not in said:
        assert time.monotonic() < end, said
        if select.select([fd], [], [], 0.2)[0]:
            said += os.read(fd, 65536).decode(errors="replace").replace("\r", "").replace("\x08", "")
    return said


STARTS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], ""),
    "zsh": (["zsh", "-f", "-i"], "autoload -Uz compinit && compinit -u -D; unsetopt zle_bracketed_paste; "),
}


@pytest.mark.parametrize("shell", list(STARTS))
def test_a_shell_completes_commands_and_names_with_colons(
    shell: str, environment: dict[str, str], snapshot: Path
) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    command, before = STARTS[shell]
    with terminal(command, environment) as fd:
        os.write(fd, f'PS1="> "; {before}eval "$(netdoctor completion {shell})"; echo rea""dy\n'.encode())
        until(fd, "ready\n")
        os.write(fd, f"cd {snapshot.parent}\n".encode())
        os.write(fd, b": ; netdoctor why-no-p\t")
        until(fd, "why-no-ping ")
        os.write(fd, b"--snapshot host.json netns:po\t")
        until(fd, "netns:pod-a")
        os.write(fd, b" docker:we\t")
        until(fd, "docker:web-shop")


def test_fish_completes(environment: dict[str, str], snapshot: Path) -> None:
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed")

    def complete(line: str) -> str:
        program = f"netdoctor completion fish | source; complete -C {line!r}"
        done = subprocess.run(
            ["fish", "--no-config", "-c", program],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    assert complete("netdoctor why-no-p") == "why-no-ping\twhy SRC cannot ping DST, and what to do about it\n"
    found = complete(f"netdoctor why-no-ping --snapshot {snapshot} netns:po")
    assert found == "netns:pod-a\tnetwork namespace\n"
    assert "host.json" in complete(f"netdoctor show {snapshot.parent}/")


@pytest.mark.parametrize("shell", list(SCRIPTS))
def test_each_script_is_what_its_shell_takes(
    shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    script = tmp_path / "script"
    script.write_text(capsys.readouterr().out)
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    assert (
        subprocess.run([shell, "-n", str(script)], capture_output=True, text=True, check=False).stderr == ""
    )
