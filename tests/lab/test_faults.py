"""Every fixture is what it says, is diagnosed rightly, and is mended by the commands of its own report.

The network is built for real, `why-no-ping --no-probe` is asked, and verdict, codes, places and legs are held against
the fixture; a real ping says whether the kernel agrees. Then the commands of the fixes are run as they stand, and the
ping has to be answered.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from netdoctor import cli
from netdoctor.lab import Fault, Lab, LabError, Refused
from netdoctor.lab.commands import question
from netdoctor.lab.expectation import EXIT_CODES, differences

Build = Callable[[Fault], Lab]

#: A ping before the fix would teach the source a wrong answer that outlives the fix: 45 seconds and more.
TAUGHT = {"swarm/proxy-stale-neighbour"}


def test_diagnosis(fault: Fault, build: Build, capsys: pytest.CaptureFixture[str]) -> None:
    lab = build(fault)
    code, report = _ask(lab, capsys)
    names = {role: lab.namespace(role) for role in lab.network.roles}
    problems = differences(fault.expect, report, names)
    if code != EXIT_CODES[fault.expect.verdict]:
        problems.append(f"exit code: expected {EXIT_CODES[fault.expect.verdict]}, got {code}")
    problems += _shown(report)
    if fault.key not in TAUGHT and lab.ping() != (fault.expect.verdict == "reachable"):
        problems.append(f"the kernel disagrees: the fixture says {fault.expect.verdict}")
    if fault.expect.verdict == "unreachable" and fault.accept_repair:
        problems += _mend(lab, report)
    assert not problems, _story(fault, lab, report, problems)


def _ask(lab: Lab, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    """Ask netdoctor the lab's question; return its exit code and its report."""
    capsys.readouterr()
    try:
        code = cli.main([*question(lab), "--no-probe", "--json"])
    except SystemExit as end:
        code = int(end.code or 0)
    output = capsys.readouterr()
    try:
        report: dict[str, Any] = json.loads(output.out)
    except ValueError:
        pytest.fail(f"no report, exit code {code}\nstdout: {output.out}\nstderr: {output.err}")
    return code, report


#: A statement about a rule, and what its command prints beside the rule's text: counters, handles, numbers.
_RULE = re.compile(r" (?:reads|leads there): (.*)$", re.S)
_BESIDE = re.compile(r" -c \d+ \d+|(?<=counter) packets \d+ bytes \d+|\[\d+:\d+\] ?")
_XTABLES = ("iptables", "ip6tables")


def _shown(report: dict[str, Any]) -> list[str]:
    """Run the commands of the first cause's evidence: where a rule is quoted, its command prints that rule."""
    problems = []
    for evidence in [item for cause in (report.get("causes") or [])[:1] for item in cause["evidence"]]:
        words, quoted = evidence["command"], _RULE.search(evidence["statement"])
        if not any(word.startswith((*_XTABLES, "nft", "ipset", "ebtables", "arptables")) for word in words):
            continue
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=20)
        printed = _BESIDE.sub("", done.stdout)
        exact = any(word.startswith((*_XTABLES, "nft")) for word in words)
        if done.returncode or (exact and quoted and _BESIDE.sub("", quoted[1]) not in printed):
            problems.append(f"{' '.join(words)} does not show: {evidence['statement']}\n{done.stdout}{done.stderr}")
    return problems


def _mend(lab: Lab, report: dict[str, Any]) -> list[str]:
    """Run the commands of every fix in the order of the causes, then ping."""
    problems: list[str] = []
    for cause in report.get("causes") or []:
        fix = cause.get("fix")
        if not fix or not fix.get("commands"):
            problems.append(f"{cause.get('code')}: no fix with commands")
            continue
        if fix.get("verified") is not True:
            problems.append(f"{cause.get('code')}: its fix is not verified: {fix.get('verified')}")
        try:
            for command in fix["commands"]:
                lab.run(command)
        except (LabError, Refused) as error:
            problems.append(f"{cause.get('code')}: its fix fails: {error}")
    lab.settle()
    # Where a fix is missing there is nothing to wait for.
    if not lab.reaches(patience=0 if problems else 4):
        problems.append("after the fixes the ping is still not answered")
    return problems


def _story(fault: Fault, lab: Lab, report: dict[str, Any], problems: list[str]) -> str:
    """Tell all that is needed to see what went wrong."""
    lines = [f"{fault.key}: {fault.title}", *(f"  ! {problem}" for problem in problems)]
    lines += [f"  asked:    netdoctor {' '.join(question(lab))}", f"  summary:  {report.get('summary')}"]
    lines += [f"  injected: {command}" for command in (*fault.prepare, *fault.inject)]
    for cause in report.get("causes") or []:
        location = cause.get("location") or {}
        lines.append(f"  cause:    {cause.get('code')} {cause.get('leg')} {location}: {cause.get('title')}")
        for command in (cause.get("fix") or {}).get("commands") or []:
            lines.append(f"    fix:    {' '.join(command)}")
    for leg in (report.get("path") or {}).get("legs") or []:
        lines.append(f"  {leg.get('direction')}: {leg.get('outcome')}")
        for step in leg.get("steps") or []:
            where = (step.get("namespace") or {}).get("name")
            lines.append(
                f"    {where} {step.get('interface')} {step.get('stage')} {step.get('action')}: {step.get('detail')}"
            )
    lines += [f"  missing:  {entry}" for entry in report.get("missing") or []]
    return "\n".join(lines)
