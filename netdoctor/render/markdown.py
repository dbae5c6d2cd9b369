"""The report as Markdown, for the ticket: CommonMark, with nothing of the system's text able to be markup."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from netdoctor.render.cause import PROOF, place
from netdoctor.render.observed import agreement_line, probe_lines, trace_lines
from netdoctor.render.path import path_lines
from netdoctor.render.sanitize import cleaned, shell_line
from netdoctor.render.style import Style
from netdoctor.report import Cause, MissingPart, Report

_PLAIN = Style(color=False, unicode=True, width=110)
#: What CommonMark, GitHub and GitLab give a meaning inside a line.
_MARKUP = re.compile(r"([\\`*_\[\]<>|~#$])")
_VERDICTS = {"reachable": "✓ reachable", "unreachable": "╳ unreachable", "unknown": "? unknown"}


def render_markdown(report: Report) -> str:
    """Return the report as a Markdown document."""
    report = cleaned(report)
    blocks = [
        f"## {_VERDICTS[report.verdict]}: {_ends(report)}",
        plain(report.summary),
        _question(report),
        "### Path",
        fenced("\n".join(path_lines(report, _PLAIN, verbose=False)), "text"),
        *_causes(report.causes, "### Cause"),
        *_observed(report),
        *_causes(report.hazards, "### Nearby, and not what stops this packet"),
        *_missing(report),
        f"*{plain(f'{report.tool.name} {report.tool.version}, {report.created}')}*",
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def plain(text: str) -> str:
    """Return one line of text that Markdown shows as it is: no markup, no mention, no link, no list or heading."""
    text = _MARKUP.sub(r"\\\1", " ".join(text.split()))
    text = text.replace("&", "&amp;").replace("@", "&#64;").replace("://", "&#58;//")
    text = re.sub(r"\bwww\.", "www&#46;", text, flags=re.IGNORECASE)
    return re.sub(r"^([-+=!])", r"\\\1", re.sub(r"^(\d+)([.)])", r"\1\\\2", text))


def fenced(text: str, language: str) -> str:
    """Return a code block whose fence is longer than any in `text`."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def code(text: str) -> str:
    """Return a code span that holds `text`, whatever backticks are in it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    tick = "`" * (longest + 1)
    pad = " " if text[:1] in ("`", " ") or text[-1:] in ("`", " ") else ""
    return f"{tick}{pad}{text}{pad}{tick}" if text else "(nothing)"


def _ends(report: Report) -> str:
    question = report.question
    port = f" {question.protocol} port {question.port}" if question.port is not None else ""
    return f"{plain(question.source.name)} → {plain(question.destination.name)}{port}"


def _question(report: Report) -> str:
    rows = []
    for word, end in (("from", report.question.source), ("to", report.question.destination)):
        parts = [code(end.given)]
        parts += [f"address {code(end.address)}"] if end.address else []
        parts += [f"interface {code(end.interface)}"] if end.interface else []
        parts += [f"namespace {code(end.namespace.name)}"] if end.namespace else []
        parts += [f"host {code(end.host)}"] if end.host else []
        told = f" {plain(f'({end.note})')}" if end.note else ""
        rows.append(f"- {word} {', '.join(parts)}{told}")
    question = report.question
    size = f", {question.size} bytes" if question.size else ""
    flag = ", don't fragment" if question.df else ""
    port = f" port {question.port}" if question.port is not None else ""
    return "\n".join([*rows, f"- {question.protocol}{port}{size}{flag}"])


def _causes(causes: Sequence[Cause], heading: str) -> Iterator[str]:
    for number, cause in enumerate(causes):
        if not number or heading == "### Cause":
            yield heading if len(causes) == 1 or heading != "### Cause" else f"{heading} {number + 1}"
        yield f"**{plain(cause.code)}** {plain(cause.title)}"
        yield f"At {code(place(cause.location, _PLAIN))}, on the way of the {cause.leg}."
        yield plain(cause.explanation)
        for evidence in cause.evidence:
            yield plain(evidence.statement)
            if evidence.command:
                yield fenced(shell_line(evidence.command), "sh")
        yield from _fix(cause)


def _fix(cause: Cause) -> Iterator[str]:
    if cause.fix is None:
        return
    host = f"on {code(cause.location.host)}, " if cause.location.host else ""
    yield f"**Fix** ({host}as root; risk: {cause.fix.risk}): {plain(cause.fix.summary)}"
    if cause.fix.commands:
        yield fenced("\n".join(shell_line(argv) for argv in cause.fix.commands), "sh")
    yield f"*{plain(PROOF[cause.fix.verified])}*"


def _observed(report: Report) -> Iterator[str]:
    lines = [line for line in (agreement_line(report), *probe_lines(report)) if line]
    if lines:
        yield "### Observed"
        yield "\n".join(f"- {plain(line)}" for line in lines)
    if rules := trace_lines(report):
        yield "### Rules that the kernel took the packet through"
        yield fenced("\n".join(rules), "text")


def _missing(report: Report) -> Iterator[str]:
    if report.missing or report.crashed:
        yield "### What could not be seen"
        lines = [_seen(item) for item in report.missing]
        lines += [
            f"- check {plain(crash.code)} failed and was left out: {plain(crash.error)}"
            for crash in report.crashed
        ]
        yield "\n".join(lines)


def _seen(item: MissingPart) -> str:
    how = f"; to get it: {plain(item.how_to_get_it)}" if item.how_to_get_it else ""
    return f"- {plain(item.what)}: {plain(item.why)}{how}"
