from __future__ import annotations

import msgspec
import pytest

from netdoctor.render.json import render_json
from netdoctor.render.style import Style
from netdoctor.render.text import render_text
from netdoctor.report import Agreement, Crashed, MissingPart, NamespaceRef, Report
from tests.unit.reports import cause, report

PLAIN = Style(color=False, unicode=True, width=100)
ASCII = Style(color=False, unicode=False, width=100)


def test_the_verdict_is_the_first_line_and_the_last() -> None:
    lines = render_text(report(), PLAIN).splitlines()
    assert lines[0].startswith("╳ UNREACHABLE  pod-a cannot ping pod-b: ")
    assert lines[-1] == "pod-a → pod-b: ╳ unreachable: VXL001 at lab · node-1 · flannel.1"


def test_the_path_has_a_line_for_each_device_under_its_namespace() -> None:
    text = render_text(report(), PLAIN)
    assert (
        "request  10.244.1.2 → 10.244.2.2  ╳ does not arrive\n"
        "  pod-a\n"
        "    ✓ eth0       10.244.0.0/16 via 10.244.1.1\n"
        "  node-1\n"
        "    ✓ veth1      in by veth1\n"
        "    ✓ cni0       up to the host\n"
        "    ╳ flannel.1  no FDB entry for 52:54:00:00:00:07 [VXL001]\n"
    ) in text
    assert "reply    ? not sent: the request does not arrive" in text


def test_verbose_shows_every_step_and_where_the_packet_changes() -> None:
    text = render_text(report(), PLAIN, verbose=True)
    assert "  ✓ pod-a eth0: transmit done: out of eth0" in text
    assert text.count("icmp 10.244.1.2 → 10.244.2.2, ttl") == 2


def test_a_cause_has_the_shape_of_a_diagnostic() -> None:
    text = render_text(report(), PLAIN)
    expected = (
        "error[VXL001]: flannel.1 knows no VTEP for 52:54:00:00:00:07\n  --> lab · node-1 · flannel.1\n   │\n",
        "   = evidence: the database has no such entry\n     $ bridge -n node-1 fdb show\n",
        "   = fix: add the entry (on lab, as root; risk: low)\n",
        "     $ bridge -n node-1 fdb append 52:54:00:00:00:07 dev 'a b'\n     proven: ",
        "   = more: netdoctor explain VXL001\n",
    )
    for part in expected:
        assert part in text


@pytest.mark.parametrize(("verified", "word"), [(True, "proven"), (False, "not proven"), (None, "not tried")])
def test_a_fix_says_whether_it_was_proven(verified: bool | None, word: str) -> None:
    assert f"\n     {word}:" in render_text(report(causes=(cause(verified=verified),)), PLAIN)


def test_a_cause_without_fix_evidence_or_place_still_renders() -> None:
    bare = msgspec.structs.replace(
        cause(),
        fix=None,
        evidence=(),
        explanation="",
        location=msgspec.structs.replace(cause().location, host=None, namespace=None, interface=None),
    )
    text = render_text(report(causes=(bare,)), PLAIN)
    assert "--> unknown place" in text
    assert "[VXL001]" in text


def test_the_second_cause_comes_once_the_first_is_fixed() -> None:
    text = render_text(report(causes=(cause(), cause("RTE001"))), PLAIN)
    assert text.index("error[VXL001]") < text.index("Once that is fixed") < text.index("error[RTE001]")


def test_hazards_are_folded_until_asked_for() -> None:
    hazards = (cause("BRG008"),)
    folded = render_text(report("reachable", hazards=hazards), PLAIN)
    assert "warning[BRG008]: flannel.1 knows no VTEP" in folded
    assert "netdoctor explain BRG008" not in folded
    assert "netdoctor explain BRG008" in render_text(
        report("reachable", hazards=hazards), PLAIN, verbose=True
    )


def test_what_is_missing_says_how_to_get_it_and_is_folded() -> None:
    missing = tuple(MissingPart(f"namespace {n}", "permission denied", "run as root") for n in range(20))
    text = render_text(report("unknown", missing=missing), PLAIN)
    assert "  - namespace 0: permission denied\n    to get it: run as root\n" in text
    assert "and 14 more (-v shows them)" in text
    assert "namespace 19" in render_text(report("unknown", missing=missing), PLAIN, verbose=True)
    assert text.startswith("? UNKNOWN  ")
    decided = render_text(report(missing=missing), PLAIN)
    assert "Not seen, and not needed for this answer: 20 (-v shows what)" in decided


def test_the_second_witness_and_crashed_checks_are_shown() -> None:
    base = report("reachable")
    agreed = msgspec.structs.replace(base, agreement=Agreement(True, "12 answers of the kernel are the same"))
    differs = msgspec.structs.replace(base, agreement=Agreement(False, "route get says via 10.0.0.1"))
    crashed = msgspec.structs.replace(base, crashed=(Crashed("LNK001", "KeyError: 3"),))
    assert "Observed as predicted: 12 answers" in render_text(agreed, PLAIN)
    assert "differs from what was predicted: route get" in render_text(differs, PLAIN)
    assert "check LNK001 failed and was left out: KeyError: 3" in render_text(crashed, PLAIN)


def test_ascii_says_the_same_in_ascii() -> None:
    text = render_text(report(), ASCII)
    assert text.isascii()
    assert "    x flannel.1  no FDB entry" in text
    assert text.startswith("x UNREACHABLE")


def test_colour_adds_nothing_but_colour() -> None:
    import re

    colored = render_text(report(), Style(color=True, unicode=True, width=100), verbose=True)
    assert "\x1b[" in colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == render_text(report(), PLAIN, verbose=True)


@pytest.mark.parametrize("width", [70, 80, 120])
def test_text_keeps_to_the_width_except_for_commands(width: int) -> None:
    text = render_text(report(hazards=(cause("BRG008"),)), Style(color=False, unicode=True, width=width))
    too_long = [line for line in text.splitlines() if len(line) > width and "$ " not in line]
    assert too_long in ([], [text.splitlines()[-1]])


def hostile() -> Report:
    evil = "evil\x1b[2J\u202e\x9b\n# rm"
    named = NamespaceRef(evil, 1)
    base = cause()
    bad = msgspec.structs.replace(
        base,
        title=evil,
        explanation=evil,
        location=msgspec.structs.replace(base.location, namespace=named, interface=evil),
        evidence=(
            msgspec.structs.replace(base.evidence[0], statement=evil, command=("ip", "-n", evil, "link")),
        ),
    )
    shown = report(causes=(bad,), hazards=(bad,), missing=(MissingPart(evil, evil, evil),), summary=evil)
    leg = shown.path.legs[0]
    steps = tuple(msgspec.structs.replace(s, detail=evil, namespace=named, interface=evil) for s in leg.steps)
    path = msgspec.structs.replace(shown.path, legs=(msgspec.structs.replace(leg, steps=steps),))
    return msgspec.structs.replace(shown, path=path)


@pytest.mark.parametrize("verbose", [False, True])
def test_no_control_character_reaches_the_terminal(verbose: bool) -> None:
    text = render_text(hostile(), PLAIN, verbose=verbose)
    assert "evil\\x1b[2J\\u202e\\u009b" in text
    assert not any(char in text for char in "\x1b\u202e\x9b")
    assert "$ ip -n $'evil\\x1b[2J\\u202e\\u009b\\x0a# rm' link" in text
    assert not any(line.startswith("# rm") for line in text.splitlines())


def test_json_is_the_report_in_ascii() -> None:
    for shown in (report(), hostile()):
        text = render_json(shown)
        assert text.isascii()
        assert "\x1b" not in text
        assert msgspec.json.decode(text, type=Report) == shown
    assert list(msgspec.json.decode(render_json(report())))[:5] == [
        "schema",
        "tool",
        "created",
        "question",
        "verdict",
    ]


def test_json_survives_a_name_that_is_no_utf8() -> None:
    shown = report(summary="a \udcff name")
    assert msgspec.json.decode(render_json(shown))["summary"] == "a \\udcff name"
