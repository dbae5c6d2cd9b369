"""Every form in which a report can be written, by the word of `--output`; each is imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netdoctor.render.style import Style
    from netdoctor.report import Report

#: The forms of a report, and those of a drawing alone.
FORMATS = ("text", "json", "markdown", "html", "dot", "mermaid", "svg")
DRAWN = ("dot", "mermaid", "svg")


def rendered(report: Report, form: str, style: Style, *, verbose: bool = False) -> str:
    """Return the report in one of `FORMATS`. `style` and `verbose` matter to text only."""
    if form == "text":
        from netdoctor.render.text import render_text

        return render_text(report, style, verbose=verbose)
    if form in DRAWN:
        from netdoctor.render.drawing.path import path_diagram

        return drawn(path_diagram(report), form)
    text: str = getattr(import_module(f"netdoctor.render.{form}"), f"render_{form}")(report)
    return text


def drawn(diagram: object, form: str) -> str:
    """Return a drawing in one of the languages `DRAWN`."""
    text: str = getattr(import_module(f"netdoctor.render.drawing.{form}"), f"render_{form}")(diagram)
    return text
