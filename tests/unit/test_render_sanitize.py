from __future__ import annotations

import subprocess

import pytest

from netdoctor.render.sanitize import shell_line, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("eth0 · pod-ä ✓", "eth0 · pod-ä ✓"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("a\rb\nc\td", "a\\x0db\\x0ac\\x09d"),
        ("\x85\x9b", "\\u0085\\u009b"),
        ("\u202eabc\u2066", "\\u202eabc\\u2066"),
        ("\u200b\ufeff", "\\u200b\\ufeff"),
        ("\udcff", "\\udcff"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_controls_become_escapes(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize("word", ["plain", "a b", "it's", "$(reboot)", "\x1b[31m'\\", "new\nline"])
def test_a_command_means_its_arguments_when_pasted(word: str) -> None:
    line = shell_line(("printf", "%s", word))
    assert "\x1b" not in line
    assert "\n" not in line
    assert subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True).stdout == word


def test_a_byte_that_is_no_utf8_is_pasted_as_that_byte() -> None:
    line = shell_line(("printf", "%s", "a\udcffb"))
    assert subprocess.run(["bash", "-c", line], capture_output=True, check=True).stdout == b"a\xffb"
