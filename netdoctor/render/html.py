"""The report as one HTML file: nothing is loaded from anywhere, no script runs, and it can be printed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netdoctor.render.cause import PROOF, place
from netdoctor.render.drawing.path import path_diagram
from netdoctor.render.drawing.svg import render_svg
from netdoctor.render.markup import escaped
from netdoctor.render.observed import agreement_line, probe_lines, trace_lines
from netdoctor.render.page import page
from netdoctor.render.path import path_lines
from netdoctor.render.sanitize import cleaned, shell_line
from netdoctor.render.style import Style
from netdoctor.report import Cause, FixPart, Report

_PLAIN = Style(color=False, unicode=True, width=110)
_VERDICTS = {"reachable": "✓", "unreachable": "╳", "unknown": "?"}


def render_html(report: Report) -> str:
    """Return the report as a page."""
    drawing = render_svg(path_diagram(report), embedded=True) if report.path.nodes else ""
    report = cleaned(report)
    parts = [
        *_head(report),
        *_causes(report.causes, "Cause" if len(report.causes) == 1 else "Causes", "cause"),
        *([f'<section class="path"><h2>Path</h2>{drawing}</section>'] if drawing else []),
        *_observed(report),
        *_causes(report.hazards, "Nearby, and not what stops this packet", "hazard"),
        *_missing(report),
        *_steps(report),
        f"<footer>{escaped(report.tool.name)} {escaped(report.tool.version)}, {escaped(report.created)}</footer>",
    ]
    return page(f"{report.verdict}: {_ends(report)}", "\n".join(parts))


def _ends(report: Report) -> str:
    question = report.question
    port = f" {question.protocol} port {question.port}" if question.port is not None else ""
    return f"{question.source.name} → {question.destination.name}{port}"


def _head(report: Report) -> Iterator[str]:
    mark = _VERDICTS[report.verdict]
    yield f'<header class="{report.verdict}"><p class="verdict">{mark} {report.verdict.upper()}</p>'
    yield f"<h1>{escaped(_ends(report))}</h1><p>{escaped(report.summary)}</p></header>"
    yield '<section><table class="question">'
    for word, end in (("from", report.question.source), ("to", report.question.destination)):
        namespace = end.namespace.name if end.namespace else None
        cells = (end.given, end.address, end.interface, namespace, end.host)
        yield f"<tr><th>{word}</th>" + "".join(f"<td>{escaped(cell or '–')}</td>" for cell in cells) + "</tr>"
        if end.note:
            yield f"<tr><th></th><td colspan='5'>{escaped(end.note)}</td></tr>"
    question = report.question
    words = [question.protocol, f"port {question.port}" if question.port is not None else ""]
    words += [f"{question.size} bytes" if question.size else "", "don't fragment" if question.df else ""]
    yield f"<tr><th>packet</th><td colspan='5'>{escaped(', '.join(word for word in words if word))}</td></tr>"
    yield "</table></section>"


def _causes(causes: Sequence[Cause], heading: str, kind: str) -> Iterator[str]:
    if not causes:
        return
    yield f"<section><h2>{escaped(heading)}</h2>"
    for number, cause in enumerate(causes):
        if number and kind == "cause":
            yield "<p class='next'>Once that is fixed, this stops the packet:</p>"
        yield f'<article class="{kind}"><h3><span class="code">{escaped(cause.code)}</span> {escaped(cause.title)}</h3>'
        yield f'<p class="place">{escaped(place(cause.location, _PLAIN))} · on the way of the {cause.leg}</p>'
        yield f"<p>{escaped(cause.explanation)}</p>" if cause.explanation else ""
        for evidence in cause.evidence:
            yield f"<p>{escaped(evidence.statement)}</p>"
            yield _commands([evidence.command]) if evidence.command else ""
        yield from _fix(cause.fix, cause.location.host)
        yield "</article>"
    yield "</section>"


def _fix(fix: FixPart | None, host: str | None) -> Iterator[str]:
    if fix is None:
        return
    where = f"on {host}, " if host else ""
    terms = f"{where}as root; risk: {fix.risk}"
    yield f'<div class="fix"><p><strong>Fix</strong> ({escaped(terms)}): {escaped(fix.summary)}</p>'
    yield _commands(fix.commands) if fix.commands else ""
    yield f'<p class="proof">{escaped(PROOF[fix.verified])}</p></div>'


def _commands(commands: Sequence[Sequence[str]]) -> str:
    return f"<pre>{escaped_lines([shell_line(argv) for argv in commands])}</pre>"


def escaped_lines(lines: Sequence[str]) -> str:
    """Return lines for a `pre` element."""
    return "\n".join(escaped(line) for line in lines)


def _observed(report: Report) -> Iterator[str]:
    lines = [line for line in (agreement_line(report), *probe_lines(report)) if line]
    if lines:
        yield (
            "<section><h2>Observed</h2><ul>"
            + "".join(f"<li>{escaped(line)}</li>" for line in lines)
            + "</ul></section>"
        )
    if rules := trace_lines(report):
        yield "<section><h2>Rules that the kernel took the packet through</h2>"
        yield f"<pre>{escaped_lines(rules)}</pre></section>"


def _missing(report: Report) -> Iterator[str]:
    if not report.missing and not report.crashed:
        return
    yield "<section><h2>What could not be seen</h2><ul>"
    for item in report.missing:
        how = f"; to get it: {item.how_to_get_it}" if item.how_to_get_it else ""
        yield f"<li>{escaped(f'{item.what}: {item.why}{how}')}</li>"
    for crash in report.crashed:
        yield f"<li>{escaped(f'check {crash.code} failed and was left out: {crash.error}')}</li>"
    yield "</ul></section>"


def _steps(report: Report) -> Iterator[str]:
    if report.path.legs:
        lines = list(path_lines(report, _PLAIN, verbose=True))
        yield f"<section><h2>Step by step</h2><pre class='steps'>{escaped_lines(lines)}</pre></section>"
