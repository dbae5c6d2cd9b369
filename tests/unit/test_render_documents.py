from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from msgspec.structs import replace

from netdoctor.render.formats import FORMATS, rendered
from netdoctor.render.html import render_html
from netdoctor.render.markdown import code, fenced, plain, render_markdown
from netdoctor.render.style import Style
from netdoctor.report import Agreement, Crashed, Evidence, MissingPart, Report
from tests.unit.reports import cause, report

EVIL = "```\n# owned\n</pre><script>alert(1)</script><img src=x onerror=y> | `a` *b* @all http://evil.example \x1b[31m"


class Page(HTMLParser):
    """What a page is made of."""

    VOID = ("meta", "br", "rect", "path", "polygon", "circle", "line")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def evil() -> Report:
    bad = replace(
        cause(), title=EVIL, explanation=EVIL, evidence=(Evidence(EVIL, ("echo", EVIL, "```")),), code=EVIL
    )
    return replace(
        report(causes=(bad,), hazards=(bad,), missing=(MissingPart(EVIL, EVIL, EVIL),), summary=EVIL),
        crashed=(Crashed(EVIL, EVIL),),
        agreement=Agreement(False, EVIL),
    )


def outside_code(markdown: str) -> str:
    """What Markdown reads as markup: fenced blocks and code spans taken out."""
    text = re.sub(r"^(`{3,})\w*\n.*?^\1$", "", markdown, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"(?<!\\)(`+)(?!`).*?(?<!`)\1(?!`)", "", text)


def test_markdown_has_what_a_ticket_needs() -> None:
    hazard = replace(cause("VXL009"), title="flannel.1 is slow")
    missing = (MissingPart("the rules of pod-b", "no permission", "run as root"),)
    text = render_markdown(report(hazards=(hazard,), missing=missing))
    for part in (
        "## ╳ unreachable: pod-a → pod-b\n",
        "- from `pod-a`, address `10.244.1.2`",
        "### Path\n\n```text\nrequest  10.244.1.2 → 10.244.2.2",
        "### Cause\n\n**VXL001** flannel.1 knows no VTEP for 52:54:00:00:00:07\n",
        "At `lab · node-1 · flannel.1`, on the way of the request.",
        "```sh\nbridge -n node-1 fdb show\n```",
        "**Fix** (on `lab`, as root; risk: low): add the entry\n",
        "```sh\nbridge -n node-1 fdb append 52:54:00:00:00:07 dev 'a b'\n```",
        "### Nearby, and not what stops this packet\n\n**VXL009** flannel.1 is slow",
        "### What could not be seen\n\n- the rules of pod-b: no permission; to get it: run as root",
    ):
        assert part in text


def test_text_of_the_system_is_no_markdown() -> None:
    text = render_markdown(evil())
    rest = outside_code(text)
    assert not re.search(r"(?<!\\)[<>`|]", rest)
    assert "@all" not in rest
    assert "http://" not in rest
    assert "\n# owned" not in text
    assert "\x1b" not in text
    fences = re.findall(r"^`{3,}", text, re.MULTILINE)
    assert len(fences) % 2 == 0
    assert all(fences[n] == fences[n + 1] for n in range(0, len(fences), 2))


@pytest.mark.parametrize("text", ["a", "`", "``", "a`b", " a ", "`a`"])
def test_a_code_span_holds_any_text(text: str) -> None:
    shown = code(text)
    ticks = re.match("`+", shown)
    assert ticks is not None
    assert shown.endswith(ticks[0])
    assert ticks[0] not in text
    assert text in shown


def test_a_fence_is_longer_than_those_inside() -> None:
    assert fenced("````\nx", "sh") == "`````sh\n````\nx\n`````"


@pytest.mark.parametrize("text", ["# no heading", "- no item", "1. no list", "+ x", "> quote", "= x"])
def test_a_line_of_text_begins_nothing(text: str) -> None:
    assert re.match(r"\\|\d+\\|&", plain(text))


def test_html_is_one_file_that_loads_and_runs_nothing() -> None:
    page = Page(render_html(evil()))
    assert page.open == []
    assert not {"script", "link", "img", "iframe", "object", "form", "a"} & set(page.tags)
    assert {"svg", "html", "style", "title", "pre"} <= {*page.tags, "svg"}
    names = {name for name, _ in page.attributes}
    assert not {name for name in names if name.startswith("on")} | ({"src", "href", "action"} & names)
    policy = [value for name, value in page.attributes if name == "content"]
    assert "default-src 'none'; style-src 'unsafe-inline'" in policy
    assert "url(" not in render_html(evil())


def test_html_shows_what_the_report_says_and_draws_the_path() -> None:
    from tests.unit.test_render_drawings import report_of

    found = report_of("two-bridges/composite-three-base-chains")
    page = Page(render_html(found))
    for item in found.causes:
        assert item.title in page.text
        assert item.explanation in page.text
        assert item.fix is not None
        assert item.fix.summary in page.text
    assert page.tags.count("svg") == 1
    assert "@media print" in page.text
    assert "prefers-color-scheme:dark" in page.text


class Observed:
    """A probe and a trace as the schema has them, for the words made of them."""

    place = {"namespace": {"name": "node-1", "inode": 1}, "interface": "cni0"}
    probe = {
        "sent": 3,
        "received": 0,
        "last_seen": place,
        "kernel_drop_reason": "NETFILTER_DROP",
        "taps": [{**place, "direction": "in", "packets": 3}],
    }
    trace = [
        {
            **place,
            "family": "ip",
            "table": "filter",
            "chain": "FORWARD",
            "rule": 2,
            "rule_text": "-j DROP",
            "verdict": "drop",
        }
    ]


def test_what_was_observed_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    import msgspec

    original = msgspec.to_builtins

    def with_observations(value: Any) -> Any:
        made = original(value)
        return (
            {**made, "probe": Observed.probe, "trace": Observed.trace} if isinstance(value, Report) else made
        )

    from netdoctor.render import observed

    monkeypatch.setattr(msgspec, "to_builtins", with_observations)
    assert observed.probe_lines(report()) == [
        "3 sent, 0 answered",
        "last seen at node-1 · cni0",
        "the kernel's reason for the drop: NETFILTER_DROP",
        "node-1 · cni0 in: 3 packets",
    ]
    assert observed.trace_lines(report()) == ["node-1: ip filter FORWARD rule 2: -j DROP → drop"]


@pytest.mark.parametrize("form", FORMATS)
def test_every_form_takes_a_hostile_report(form: str) -> None:
    text = rendered(evil(), form, Style(color=False, unicode=True, width=80), verbose=True)
    assert text.endswith("\n")
    assert "\x1b" not in text


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_why_an_end_was_taken_for_what_it_was_is_told(form: str) -> None:
    told = "10.0.0.2 was taken of 2 addresses: it is on a network shared with the source"
    base = report()
    chosen = replace(base.question, destination=replace(base.question.destination, note=told))
    style = Style(color=False, unicode=True, width=200)
    assert told in rendered(replace(base, question=chosen), form, style)
    assert told not in rendered(base, form, style)
