"""The report as text: the verdict first, then the path, the causes, what else was seen, and the verdict again."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.render.cause import cause_lines, place
from netdoctor.render.observed import agreement_line
from netdoctor.render.path import path_lines
from netdoctor.render.probe import probe_lines
from netdoctor.render.sanitize import cleaned
from netdoctor.render.style import Style
from netdoctor.render.trace import trace_lines
from netdoctor.report import MissingPart, Report

#: Verdict → its symbol and colour. The word is always there too.
VERDICTS = {"reachable": ("✓", "green"), "unreachable": ("╳", "red"), "unknown": ("?", "yellow")}

#: How much of what was not seen is listed without -v.
FOLD = 6


def render_text(report: Report, style: Style, *, verbose: bool = False) -> str:
    """Return the report as text for a place that looks like `style`; every step and hazard in full if `verbose`."""
    report = cleaned(report)
    sections = [
        list(_headline(report, style)),
        list(path_lines(report, style, verbose=verbose)),
        *_causes(report, style),
        *_hazards(report, style, verbose=verbose),
        list(probe_lines(report.probe, style, verbose=verbose)),
        list(_trace(report, style)),
        list(_agreement(report, style)),
        list(_missing(report, style, verbose=verbose)),
        [_last_line(report, style)],
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _headline(report: Report, style: Style) -> Iterator[str]:
    symbol, color = VERDICTS[report.verdict]
    label = f"{style.symbol(symbol)} {report.verdict.upper()}"
    lines = style.wrap(report.summary, "  ", first=f"{label}  ")
    yield style.paint(label, color, "bold") + lines[0][len(label) :]
    yield from lines[1:]
    for end in (report.question.source, report.question.destination):
        if end.note is not None:
            yield from style.wrap(f"{end.name}: {end.note}", "    ", first="  ")


def _causes(report: Report, style: Style) -> Iterator[list[str]]:
    for number, cause in enumerate(report.causes):
        lines = list(cause_lines(cause, style, "error"))
        if number:
            lines.insert(0, style.paint("Once that is fixed, this stops the packet:", "bold"))
        yield lines


def _hazards(report: Report, style: Style, *, verbose: bool) -> Iterator[list[str]]:
    if not report.hazards:
        return
    head = "Nearby, and not what stops this packet:"
    if verbose:
        yield [style.paint(head, "bold")]
        for hazard in report.hazards:
            yield list(cause_lines(hazard, style, "warning"))
        return
    lines = [style.paint(head, "bold") + " (-v for more)"]
    for hazard in report.hazards:
        text = f"{hazard.title} ({place(hazard.location, style)})"
        head = f"  warning[{hazard.code}]"
        wrapped = style.wrap(text, "    ", first=f"{head}: ")
        lines += [style.paint(head, "yellow") + wrapped[0][len(head) :], *wrapped[1:]]
    yield lines


def _trace(report: Report, style: Style) -> Iterator[str]:
    if report.trace:
        yield style.paint("The rules that the kernel took a real packet through:", "bold")
        yield from trace_lines(report.trace, style)


def _agreement(report: Report, style: Style) -> Iterator[str]:
    text = agreement_line(report)
    if text is None or report.agreement is None:
        return
    colors = () if report.agreement.agrees else ("yellow",)
    yield from (style.paint(line, *colors) if colors else line for line in style.wrap(text, "  ", first=""))


def _missing(report: Report, style: Style, *, verbose: bool) -> Iterator[str]:
    """What was not seen: in full where it may be why nothing is known, else only how much."""
    if report.missing and report.verdict != "unknown" and not verbose:
        yield f"Not seen, and not needed for this answer: {len(report.missing)} (-v shows what)"
    elif report.missing:
        yield style.paint("Not seen:", "bold")
        yield from _listed(report.missing if verbose else report.missing[:FOLD], style)
        if not verbose and len(report.missing) > FOLD:
            yield f"  and {len(report.missing) - FOLD} more (-v shows them)"
    for crash in report.crashed:
        yield from style.wrap(f"check {crash.code} failed and was left out: {crash.error}", "  ", first="")


def _listed(missing: tuple[MissingPart, ...], style: Style) -> Iterator[str]:
    for item in missing:
        yield from style.wrap(f"{item.what}: {item.why}", "    ", first="  - ")
        if item.how_to_get_it:
            yield from style.wrap(item.how_to_get_it, "      ", first="    to get it: ")


def _last_line(report: Report, style: Style) -> str:
    symbol, color = VERDICTS[report.verdict]
    question = report.question
    port = f" {question.protocol} port {question.port}" if question.port is not None else ""
    ends = f"{question.source.name} {style.symbol('→')} {question.destination.name}{port}"
    line = f"{ends}: {style.paint(style.symbol(symbol) + ' ' + report.verdict, color, 'bold')}"
    if not report.causes:
        return line
    codes = ", ".join(cause.code for cause in report.causes)
    return f"{line}: {codes} at {place(report.causes[0].location, style)}"
