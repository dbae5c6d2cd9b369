"""Asks netdoctor, in this process, what it thinks of a ping."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from tests.agreement.plan import Question

TIME_LIMIT = 30
EXIT_CODES = {"reachable": 0, "unreachable": 1, "unknown": 3}

Predictor = Callable[[Question, "dict[str, str]"], "Prediction"]
"""Takes a question and the real names of the plan's namespaces."""


@dataclass(frozen=True)
class Prediction:
    """netdoctor's answer: a verdict of the report, ``usage`` (exit code 2) or ``crash``."""

    verdict: str
    words: tuple[str, ...]
    address: str | None = None
    report: dict[str, Any] = field(default_factory=dict)
    trouble: str = ""
    seconds: float = 0.0


class TooSlow(BaseException):
    """netdoctor did not answer within the time limit. No ``Exception``: those netdoctor would make exit code 70."""


@contextlib.contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """Raise ``TooSlow`` in the main thread when the block takes too long."""

    def expire(_signal: int, _frame: FrameType | None) -> None:
        raise TooSlow(f"no answer after {seconds} s")

    before = signal.signal(signal.SIGALRM, expire)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def command_words(question: Question, real: dict[str, str]) -> tuple[str, ...]:
    """The command line of the question."""
    target = f"netns:{real[question.destination]}" if question.by_name else question.address
    words = ["why-no-ping", f"netns:{real[question.source]}", target, "--no-probe", "--json", "-v"]
    if question.protocol != "icmp":
        words = [
            "why-no-connect", *words[1:3], f"--{question.protocol}", str(question.port), "--no-probe", "--json", "-v"
        ]  # fmt: skip
    if question.from_address:
        words += ["--from", question.from_address]
    if question.size != 56:
        words += ["--size", str(question.size)]
    if question.df:
        words.append("--df")
    return tuple(words)


def ask_netdoctor(question: Question, real: dict[str, str]) -> Prediction:
    """Run ``netdoctor why-no-ping`` and read its report. Whatever it does wrong becomes a ``crash``."""
    from netdoctor.cli import main

    words = command_words(question, real)
    home = os.readlink("/proc/thread-self/ns/net")
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    started = time.monotonic()
    code: object
    try:
        with time_limit(TIME_LIMIT), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = main(list(words))
            except SystemExit as leaving:
                code = leaving.code
    except (Exception, TooSlow):
        return Prediction("crash", words, trouble=traceback.format_exc(), seconds=time.monotonic() - started)
    seconds = time.monotonic() - started
    said, complaint = (_text(stream) for stream in (out, err))
    if os.readlink("/proc/thread-self/ns/net") != home:
        sys.exit("netdoctor left this process in another network namespace")
    if code == 2:
        return Prediction("usage", words, trouble=complaint or said, seconds=seconds)
    return _read(words, code or 0, said, complaint, seconds)


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode("utf-8", "replace")


def _read(words: tuple[str, ...], code: object, said: str, complaint: str, seconds: float) -> Prediction:
    """A report whose verdict and exit code agree, or a crash."""
    try:
        report = json.loads(said)
        verdict = report["verdict"]
        address = (report["question"]["destination"] or {}).get("address")
        if EXIT_CODES[verdict] != code:
            raise ValueError(f"verdict {verdict} with exit code {code}")
    except (ValueError, KeyError, TypeError) as error:
        trouble = f"{type(error).__name__}: {error}; exit code {code}\n{complaint}\n{said[:2000]}"
        return Prediction("crash", words, trouble=trouble, seconds=seconds)
    return Prediction(verdict, words, address, report, complaint, seconds)
