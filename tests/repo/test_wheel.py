"""The wheel holds what a user needs and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Build sdist and wheel; a wheel made from the sdist loses what the sdist leaves out."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run([*build, "-t", "sdist"], cwd=ROOT, check=True, capture_output=True)
    (archive,) = folder.glob("*.tar.gz")
    subprocess.run(["tar", "-xf", archive.name], cwd=folder, check=True)
    source = folder / archive.name.removesuffix(".tar.gz")
    subprocess.run([*build, "-t", "wheel"], cwd=source, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as opened:
        return opened.namelist()


def test_the_top_level_holds_the_packages_and_no_folder_of_the_repository(wheel: list[str]) -> None:
    top = {name.split("/")[0] for name in wheel if not re.search(r"\.(dist-info|data)/", name)}
    assert top == {"netdoctor", "netdoctor_checks", "netdoctor_fixtures", "netdoctor_tui"}


def test_every_file_of_the_repository_is_in_it(wheel: list[str]) -> None:
    folders = (
        (ROOT, "netdoctor"),
        (ROOT / "checks", "netdoctor_checks"),
        (ROOT / "tui", "netdoctor_tui"),
        (ROOT / "fixtures", "netdoctor_fixtures"),
    )
    for parent, package in folders:
        for path in (parent / package).rglob("*"):
            if path.is_file() and path.suffix != ".pyc":
                assert str(path.relative_to(parent)) in wheel


def test_types_schemas_licence_and_entry_points_are_in_it(wheel: list[str]) -> None:
    assert "netdoctor/py.typed" in wheel
    assert "netdoctor/schemas/report.schema.json" in wheel
    ends = {name.partition(".dist-info/")[2] for name in wheel if ".dist-info/" in name}
    assert {"entry_points.txt", "licenses/LICENSE", "METADATA"} <= ends


def test_the_manual_page_and_the_completions_come_where_they_are_looked_for(wheel: list[str]) -> None:
    shared = {name.partition(".data/data/")[2] for name in wheel if ".data/data/" in name}
    assert shared == {
        "share/man/man1/netdoctor.1",
        "share/bash-completion/completions/netdoctor",
        "share/zsh/site-functions/_netdoctor",
        "share/fish/vendor_completions.d/netdoctor.fish",
    }
