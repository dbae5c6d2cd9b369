"""One cause in the manner of rustc: the code, the place, the explanation, the evidence, the fix, where to read more."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.render.sanitize import shell_line
from netdoctor.render.style import Style
from netdoctor.report import Cause, FixPart, Location

_COLORS = {"error": "red", "warning": "yellow"}

#: `verified` → what it means, in words.
PROOF = {
    True: "proven: the packet was walked again with the fix applied, and no longer meets this cause",
    False: "not proven: walked again with the fix applied, the packet still meets this cause",
    None: "not tried: this fix was not walked again",
}


def place(location: Location, style: Style) -> str:
    """Return where something is, from the host down to the hook; `unknown place` where nothing is known."""
    parts = [
        location.host,
        location.namespace.name if location.namespace else None,
        location.interface,
        location.hook,
    ]
    separator = f" {style.symbol('·')} "
    return separator.join(part for part in parts if part) or "unknown place"


def cause_lines(cause: Cause, style: Style, level: str) -> Iterator[str]:
    """Yield the lines of one cause. `level` is error or warning; the cause has been made visible."""
    bar = "   " + style.paint(style.symbol("│"), "blue")
    head = f"{level}[{cause.code}]"
    title = style.wrap(cause.title, "    ", first=f"{head}: ")
    yield style.paint(head, _COLORS[level], "bold") + style.paint(title[0][len(head) :], "bold")
    yield from (style.paint(line, "bold") for line in title[1:])
    yield f"  {style.paint('-->', 'blue')} {place(cause.location, style)}"
    if cause.explanation:
        yield bar
        for line in style.wrap(cause.explanation, "     "):
            yield bar + line[4:]
        yield bar
    for evidence in cause.evidence:
        yield from _noted("evidence", evidence.statement, style)
        if evidence.command:
            yield _command(evidence.command, style)
    if cause.fix is not None:
        yield from _fix(cause.fix, cause.location, style)
    yield from _noted("more", f"netdoctor explain {cause.code}", style)


def _noted(word: str, text: str, style: Style) -> Iterator[str]:
    label = f"   = {word}: "
    lines = style.wrap(text, "     ", first=label)
    yield style.paint(label, "blue") + lines[0][len(label) :]
    yield from lines[1:]


def _command(argv: tuple[str, ...], style: Style) -> str:
    """Commands are never wrapped: they are there to be pasted."""
    return f"     {style.paint('$', 'dim')} {shell_line(argv)}"


def _fix(fix: FixPart, location: Location, style: Style) -> Iterator[str]:
    where = f"on {location.host}, " if location.host else ""
    yield from _noted("fix", f"{fix.summary} ({where}as root; risk: {fix.risk})", style)
    for argv in fix.commands:
        yield _command(argv, style)
    color = "green" if fix.verified else "yellow"
    yield from (style.paint(line, color) for line in style.wrap(PROOF[fix.verified], "     "))
