"""What the repository promises about itself."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from netdoctor import __version__

ROOT = Path(__file__).parents[2]
LONGEST = 400


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_commands_of_the_readme_are_targets_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    named = re.findall(r"\bmake ([a-z]+)\b", read("README.md"))
    assert {"demo", "test", "check", "bench", "schema"} <= set(named)
    assert set(named) <= targets


def test_ci_runs_what_the_readme_says() -> None:
    assert "\nmake test\n" in read(".ci/run")
    assert (ROOT / ".ci/run").stat().st_mode & 0o111


def test_the_changelog_has_the_current_version_first() -> None:
    versions = re.findall(r"^## \[([^]]+)\]", read("CHANGELOG.md"), re.MULTILINE)
    assert [v for v in versions if v != "Unreleased"][0] == __version__


def test_the_readme_names_the_commands_there_are() -> None:
    from netdoctor.cli.parser import COMMANDS

    named = set(re.findall(r"^netdoctor ([a-z-]+) ", read("README.md"), re.MULTILINE))
    assert set(COMMANDS) <= named


def test_every_page_the_readme_links_to_is_there() -> None:
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", read("README.md")):
        assert (ROOT / link).exists(), link


@pytest.mark.parametrize("folder", ["netdoctor", "checks", "tui", "fixtures"])
def test_no_module_is_too_long(folder: str) -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in (ROOT / folder).rglob("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST
    }
    assert not long


@pytest.mark.parametrize("words", [[], ["why-no-ping"], ["why-no-connect"], ["snapshot"], ["checks"], ["lab"], ["tui"]])
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    program = (
        "import sys\n"
        "from netdoctor.cli import main\n"
        f"assert main({[*words, '--help']!r}) == 0\n"
        "heavy = {'pyroute2', 'scapy', 'textual', 'asyncio', 'netdoctor_tui'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: netdoctor")
    assert done.stderr == ""


def test_help_shows_every_command_and_every_exit_code() -> None:
    command = [sys.executable, "-m", "netdoctor", "--help"]
    text = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout
    for word in ("why-no-ping", "why-no-connect", "snapshot", "checks", "explain", "lab", "70 ", "130 "):
        assert word in text


def test_the_schemas_are_those_of_the_records() -> None:
    from netdoctor.schemas import FOLDER, current

    for name, text in current().items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, f"{name} is stale: run `make schema`"
