"""A saved report, opened again, is what the run itself would have printed: with what probe and trace showed."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import pytest

from netdoctor.cli import asking, main
from netdoctor.lab import Fault, Lab, load_faults
from netdoctor.lab.commands import question
from netdoctor.render.formats import FORMATS, rendered
from netdoctor.render.style import Style
from netdoctor.report import Report

IN_A_FILE = Style(color=False, unicode=True, width=100)


def test_it_is_the_same_in_every_form(
    build: Callable[[Fault], Lab], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Report] = []
    write = asking.written

    def written(report: Report, args: argparse.Namespace) -> None:
        seen.append(report)
        write(report, args)

    monkeypatch.setattr(asking, "written", written)
    lab = build(load_faults()["bridge/br-netfilter-policy-drop-legacy"])
    saved = tmp_path / "report.json"
    assert main([*question(lab), "--trace", "--json", "-o", str(saved)]) == 1
    (report,) = seen
    assert report.probe is not None
    assert report.trace
    for form in FORMATS:
        for verbose in ((), ("-v",)) if form == "text" else ((),):
            again = tmp_path / form
            assert main(["show", str(saved), "--output", form, "-o", str(again), *verbose]) == 0
            expected = rendered(report, form, IN_A_FILE, verbose=bool(verbose))
            assert again.read_text(encoding="utf-8") == expected
            if form in ("text", "markdown", "html"):
                assert "last seen" in expected
                assert report.trace[-1].chain in expected
