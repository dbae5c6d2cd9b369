"""The manual page says what the parser knows, in roff that its readers take."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess

import pytest

from netdoctor.man import FILE
from netdoctor.man.page import commands, page, text


def test_the_page_is_that_of_the_parser() -> None:
    assert FILE.read_text(encoding="utf-8") == page(), "it is stale: run `make schema`"


def shown() -> str:
    """The page as a reader sees it, every word whole."""
    command = ["mandoc", "-T", "utf8", "-O", "width=400", str(FILE)]
    done = subprocess.run(
        command, env={**os.environ, "LC_ALL": "C.UTF-8"}, capture_output=True, text=True, check=True
    )
    return re.sub(".\x08", "", done.stdout)  # bold is overstruck


def need(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


def test_a_reader_sees_every_command_and_every_option() -> None:
    need("mandoc")
    sections: list[str] = []
    for line in shown().splitlines():
        if line.startswith("   netdoctor "):
            sections.append("")
        if sections:
            sections[-1] += line + "\n"
    for (command, parser), section in zip(commands(), sections, strict=True):
        assert section.strip().startswith(f"netdoctor {command}")
        shown_options = [action for action in parser._actions if action.help != argparse.SUPPRESS]
        options = {option for action in shown_options for option in action.option_strings}
        assert options - {"-h", "--help"} <= set(section.replace(",", " ").split()), command


def test_its_readers_have_nothing_to_say_against_it() -> None:
    need("mandoc")
    lint = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", str(FILE)], capture_output=True, text=True
    )
    assert lint.stdout + lint.stderr == ""


@pytest.mark.parametrize(
    ("plain", "roff"),
    [
        (".so x", r"\&.so x"),
        ("a-b", r"a\-b"),
        ("a\\b", r"a\eb"),
        ("it's", r"it\(aqs"),
        ("as `ping -s`", r"as \fBping \-s\fR"),
        ("two\n lines", "two lines"),
    ],
)
def test_text_is_no_request(plain: str, roff: str) -> None:
    assert text(plain) == roff
