"""The causes in order: what and where, what to type, why the kernel does so, how to see it; then what is odd nearby."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.render.cause import PROOF
from netdoctor.render.sanitize import shell_line
from netdoctor.report import Cause, FixPart, Location, Report
from netdoctor_tui.look import Look
from netdoctor_tui.model.rows import Role, Row, Span, row, wrapped


def why_rows(report: Report, width: int, look: Look) -> list[Row]:
    """Return the causes, hazards and what could not be seen of a cleaned report, in lines of `width` columns."""
    rows = [line for part in _parts(report, width, look) for line in (*part, row(""))]
    return rows[:-1]


def _parts(report: Report, width: int, look: Look) -> Iterator[list[Row]]:
    for number, cause in enumerate(report.causes):
        lines = list(_cause(cause, width, look, "error", "bad"))
        yield [row(Span("Once that is fixed, this stops it:", "bold")), *lines] if number else lines
    if not report.causes:
        yield list(wrapped(report.summary, width, role="bold"))
    if report.agreement is not None:
        word = "Observed as predicted: " if report.agreement.agrees else "OBSERVED DIFFERS: "
        yield list(
            wrapped(word + report.agreement.note, width, role="" if report.agreement.agrees else "doubt")
        )
    if report.hazards:
        yield [row(Span("Nearby, and not what stops this packet:", "bold"))]
        for hazard in report.hazards:
            yield list(_cause(hazard, width, look, "warning", "doubt"))
    if report.missing:
        yield list(_missing(report, width, look))
    for crash in report.crashed:
        yield list(wrapped(f"check {crash.code} failed and was left out: {crash.error}", width, role="doubt"))


def place(location: Location, look: Look) -> str:
    """Return where a cause sits, from the host down to the hook."""
    namespace = location.namespace.name if location.namespace else None
    parts = [location.host, namespace, location.interface, location.hook]
    return f" {look('·')} ".join(part for part in parts if part) or "unknown place"


def _cause(cause: Cause, width: int, look: Look, level: str, role: Role) -> Iterator[Row]:
    key = ("cause", cause.code)
    head = f"{level}[{cause.code}] "
    title = list(wrapped(cause.title, width, first=" " * len(head), indent="  ", role="bold", key=key))
    yield Row((Span(head, role), *title[0].spans[1:]), key)
    yield from title[1:]
    yield from wrapped(place(cause.location, look), width, first=f"  {look('→')} ", indent="    ", key=key)
    if cause.fix is not None:
        yield from _fix(cause.fix, cause.location, width, key)
    if cause.explanation:
        yield row(Span("WHY", "accent"), key=key)
        yield from wrapped(cause.explanation, width, first="  ", indent="  ", key=key)
    if cause.evidence:
        yield row(Span("SEE IT", "accent"), key=key)
    for evidence in cause.evidence:
        yield from wrapped(evidence.statement, width, first="  ", indent="  ", key=key)
        if evidence.command:
            yield from command_rows(evidence.command, width, key)


def _fix(fix: FixPart, location: Location, width: int, key: object) -> Iterator[Row]:
    proof = "tried: helps" if fix.verified else PROOF[fix.verified].partition(":")[0]
    yield row(
        Span("FIX", "accent"),
        f"  risk {fix.risk}, ",
        Span(proof, "good" if fix.verified else "doubt"),
        key=key,
    )
    where = f" (on {location.host}, as root)" if location.host else " (as root)"
    yield from wrapped(fix.summary + where, width, first="  ", indent="  ", key=key)
    for argv in fix.commands:
        yield from command_rows(argv, width, key)


def command_rows(argv: tuple[str, ...], width: int, key: object) -> Iterator[Row]:
    """Yield a command; each of its lines copies all of it."""
    line = shell_line(argv)
    yield from wrapped(line, width, first="  $ ", indent="      ", role="lit", key=key, copy=line)


def fix_text(report: Report, code: str | None = None) -> str:
    """Return the commands of a cause's fix, a line each (of the first cause that has one, where no `code` is given)."""
    for cause in (*report.causes, *report.hazards):
        if cause.fix is not None and code in (None, cause.code):
            return "\n".join(shell_line(argv) for argv in cause.fix.commands)
    return ""


def _missing(report: Report, width: int, look: Look) -> Iterator[Row]:
    yield row(Span(f"Not seen ({len(report.missing)}):", "bold"))
    for item in report.missing:
        yield from wrapped(f"{item.what}: {item.why}", width, first=f"{look('·')} ", indent="  ")
        if item.how_to_get_it:
            yield from wrapped(item.how_to_get_it, width, first="  to get it: ", indent="    ")
