"""The thirteen rulesets on which a known tool was measured, and got one right: verdict and rule of each.

A packet passes the FORWARD chain of a router with them; the kernel's answer is that of a TCP connect(2).
"""

from __future__ import annotations

import pytest

from netdoctor.diagnosis import diagnose
from netdoctor.endpoints import resolve
from netdoctor.lab import load_faults
from netdoctor.lab.record import load_recording, request
from netdoctor.report import Report
from netdoctor.snapshot import snapshot_host

FORWARD = "iptables-nft -A FORWARD "
DROP = "-A FORWARD -j DROP"

#: The fixture of two-bridges, the rules as they were given, and the rule that drops, by number and as iptables prints
#: it; None where the packet passes.
RULESETS: list[tuple[str, list[str], tuple[int, str] | None]] = [
    ("a-drop", ["-d 10.2.0.2/32 -j DROP"], (1, "-A FORWARD -d 10.2.0.2/32 -j DROP")),
    ("b-reject", ["-j REJECT"], (1, "-A FORWARD -j REJECT --reject-with icmp-port-unreachable")),
    ("c-mark", ["-j MARK --set-mark 0x1", "-j DROP"], (2, DROP)),
    ("d-invalid", ["-m conntrack --ctstate INVALID -j DROP"], None),
    ("e-port-range", ["-p tcp -m tcp --dport 30000:32767 -j ACCEPT", "-j DROP"], (2, DROP)),
    (
        "f-tcpmss",
        ["-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu", "-j DROP"],
        (2, DROP),
    ),
    ("g-physdev", ["-m physdev --physdev-is-bridged -j ACCEPT", "-j DROP"], (2, DROP)),
    ("h-wildcard", ["-i br+ -j DROP"], (1, "-A FORWARD -i br+ -j DROP")),
    ("i-outgoing", ["-o br2 -j DROP"], (1, "-A FORWARD -o br2 -j DROP")),
    ("j-masquerade", ["-t nat -A POSTROUTING -o br2 -j MASQUERADE"], None),
    ("k-log", ["-j LOG --log-prefix 'forward: '", "-j DROP"], (2, DROP)),
    ("l-established", ["-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "-j DROP"], (2, DROP)),
    ("m-state", ["-m state --state NEW,ESTABLISHED -j ACCEPT", "-j DROP"], None),
]
IDS = [name for name, _, _ in RULESETS]


def report_of(name: str) -> Report:
    key = f"two-bridges/ruleset-{name}"
    host = snapshot_host(load_recording(key))
    return diagnose(host, resolve(host, request(load_faults()[key])))


def test_they_are_thirteen_and_no_fixture_more() -> None:
    there = [key for key in load_faults() if key.startswith("two-bridges/ruleset-")]
    assert sorted(there) == [f"two-bridges/ruleset-{name}" for name in IDS]
    assert "".join(name[0] for name in IDS) == "abcdefghijklm"


@pytest.mark.parametrize(("name", "rules"), [row[:2] for row in RULESETS], ids=IDS)
def test_the_fixture_is_the_ruleset(name: str, rules: list[str]) -> None:
    fault = load_faults()[f"two-bridges/ruleset-{name}"]
    lines = [f"iptables-nft {rule}" if rule.startswith("-t") else f"{FORWARD}{rule}" for rule in rules]
    assert [str(line) for line in fault.inject] == ["b: listen tcp 80", *(f"h: {line}" for line in lines)]
    assert (fault.asking.protocol, fault.asking.port) == ("tcp", 80)


@pytest.mark.parametrize(("name", "rules", "dropped"), RULESETS, ids=IDS)
def test_the_verdict_is_the_kernels_and_the_rule_is_named(
    name: str, rules: list[str], dropped: tuple[int, str] | None
) -> None:
    report = report_of(name)
    assert not report.missing
    if dropped is None:
        assert (report.verdict, report.causes) == ("reachable", ())
        return
    assert report.verdict == "unreachable"
    (cause,) = report.causes
    number, text = dropped
    assert cause.title.startswith(f"rule {number} of chain FORWARD (table filter, iptables-nft)")
    assert cause.title.endswith(f": {text}")
    assert cause.evidence[0].statement == f"rule {number} of FORWARD reads: {text}"
    assert cause.fix is not None
    assert cause.fix.verified
