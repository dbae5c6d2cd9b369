"""The interactive view in tmux, at 80x24, on real broken networks: from start to the cause with few keystrokes."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from netdoctor import cli
from netdoctor.lab import Fault, Lab, load_faults
from netdoctor.lab.commands import question
from netdoctor.lab.record import observe
from netdoctor.snapshot import save

Build = Callable[[Fault], Lab]

#: Seconds that a loaded machine is waited for.
PATIENCE = 60.0


class Tmux:
    """A tmux server of our own with one pane of 80x24. `keys` counts what was pressed."""

    def __init__(self, folder: Path) -> None:
        self._server = ("tmux", "-S", str(folder / "tmux"), "-f", "/dev/null")
        self._folder = folder
        self.keys = 0

    def start(self, *words: str) -> None:
        """Run `netdoctor WORDS` in a shell that stays."""
        line = shlex.join((sys.executable, "-m", "netdoctor", *words))
        environment = [f"PYTHONPATH={os.pathsep.join(sys.path)}", "LC_ALL=C.UTF-8", "PS1=ready> "]
        shell = ("env", *environment, "bash", "--norc", "--noprofile")
        self._run("new-session", "-d", "-x", "80", "-y", "24", "-c", str(self._folder), *shell)
        self._run("send-keys", line, "Enter")

    def press(self, *keys: str) -> None:
        """Press keys, by tmux's names."""
        self.keys += len(keys)
        self._run("send-keys", *keys)

    def screen(self, back: int = 0) -> str:
        """What is to be seen; with `back` lines of the scrollback before it."""
        return self._run("capture-pane", "-p", "-S", str(-back))

    def wait(self, *wanted: str, back: int = 0) -> str:
        """Wait until all of these are to be seen, and return the screen."""
        until = time.monotonic() + PATIENCE
        while True:
            shown = self.screen(back)
            if all(text in shown for text in wanted):
                return shown
            assert time.monotonic() < until, f"no {wanted} on:\n{shown}"
            time.sleep(0.1)

    def stop(self) -> None:
        """End the server and what runs in it."""
        subprocess.run((*self._server, "kill-server"), capture_output=True, check=False)

    def _run(self, *words: str) -> str:
        return subprocess.run((*self._server, *words), capture_output=True, text=True, check=True).stdout


@pytest.fixture
def tmux(kernel: None, tmp_path: Path) -> Iterator[Tmux]:
    if shutil.which("tmux") is None:
        pytest.skip("not installed: tmux")
    server = Tmux(tmp_path)
    try:
        yield server
    finally:
        server.stop()


def fix_of(lab: Lab, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """The code of the first cause, and the last word of the last command of its fix, as the command line gives them."""
    import json

    capsys.readouterr()
    cli.main([*question(lab), "--no-probe", "--json"])
    cause = json.loads(capsys.readouterr().out)["causes"][0]
    return cause["code"], shlex.quote(cause["fix"]["commands"][-1][-1])


@pytest.mark.parametrize("key", ["vxlan/fdb-missing", "docker-like/user-drops", "bridge/destination-port-down"])
def test_verdict_place_and_fix_are_on_the_first_screen(
    key: str, build: Build, tmux: Tmux, capsys: pytest.CaptureFixture[str]
) -> None:
    """With SRC and DST on the command line no key is needed."""
    lab = build(load_faults()[key])
    code, last = fix_of(lab, capsys)
    _, source, destination, *_ = question(lab)
    tmux.start("tui", source, destination)
    shown = tmux.wait("╳ UNREACHABLE", f"error[{code}]", "FIX", last)
    print(shown)
    assert tmux.keys == 0
    assert "· read only" in shown
    assert any(line.lstrip().startswith("╳") and code in line for line in shown.splitlines())
    tmux.press("Q")
    left = tmux.wait("ready> ", f"╳ unreachable: {code} at", back=200)
    assert f"error[{code}]" in left


def test_from_the_namespaces_to_the_cause_in_six_keystrokes(build: Build, tmux: Tmux, tmp_path: Path) -> None:
    lab = build(load_faults()["vxlan/fdb-missing"])
    save(observe(lab), tmp_path / "lab.json.gz")
    tmux.start("tui", "lab.json.gz")
    tmux.wait("pick the source", "nd-vxlan-b  10.244.2.2")
    tmux.press("G", "k", "Enter")
    tmux.wait("nd-vxlan-a: pick the destination")
    tmux.press("G", "Enter")
    shown = tmux.wait("╳ UNREACHABLE", "error[VXL001]", "flannel.1  VXL001", "self permanent")
    print(shown)
    assert tmux.keys <= 6
    tmux.press("q")
    tmux.wait("ready> ")
    assert "UNREACHABLE" not in tmux.screen(200), "the alternate screen is left as it was found"
