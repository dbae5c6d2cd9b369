"""Every recording, redacted: the answer is the same under other names, and none of the real ones is left."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from netdoctor.diagnosis import diagnose
from netdoctor.endpoints import resolve
from netdoctor.facts.sound import complaint
from netdoctor.lab import load_faults
from netdoctor.lab.record import load_recording, request
from netdoctor.redact.redaction import Redaction
from netdoctor.render.formats import FORMATS, rendered
from netdoctor.render.json import render_json
from netdoctor.render.style import Style
from netdoctor.report import Report
from netdoctor.snapshot import Snapshot, encode, snapshot_host

FAULTS = load_faults()
#: Every so many recordings are written in all forms; JSON, which holds everything, is looked at for each.
SHARE = 8
#: Names in the recordings that say nothing of anybody.
NUMBERED = r"(eth|br|net|tun|vpn|wg|tmp|old|out|bond|gre|tunl|cali)\d*(\.\d+)?"
HARMLESS = re.compile(rf"lo|{NUMBERED}|docker0|cni0|cni-old|flannel(\.1|0)|lan|wan|[a-z]\d")
MEANT = [ip_network(text) for text in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3")]
MEANT += [ip_network(text) for text in ("10.0.0.0/32", "172.16.0.0/32", "192.168.0.0/32")]
#: Words that recorded rules hold and that name somebody's things.
IDENTIFIERS = (
    "WEBWEBWEBWEBWEB1",
    "WEBENDPOINTOFB01",
    "WEBENDPOINTOFC01",
    "4AT6LBPK",
    "clients",
    "default/web",
)


def redacted(key: str) -> tuple[Snapshot, Report, Snapshot, Report, Redaction]:
    """A recording and its report, and both redacted: the facts before the diagnosis, the report after it."""
    snapshot = load_recording(key)
    redaction = Redaction(snapshot.namespaces, key.encode()[:40], [snapshot.host])
    host = snapshot_host(snapshot)
    question = resolve(host, request(FAULTS[key]))
    hidden = redaction.of(snapshot)
    answer = diagnose(snapshot_host(hidden), redaction.of(question))
    return snapshot, redaction.of(diagnose(host, question)), hidden, answer, redaction


def test_there_are_recordings() -> None:
    assert len(FAULTS) > 600


@pytest.mark.parametrize("key", FAULTS)
def test_the_answer_is_the_same_and_nothing_real_is_left(key: str) -> None:
    snapshot, expected, hidden, answer, _ = redacted(key)
    assert differences(replace(expected, created=""), replace(answer, created="")) == []
    assert all(complaint(facts) is None for facts in hidden.namespaces)
    literals = set(real(snapshot))
    texts = [encode(hidden).decode(), render_json(answer)]
    if list(FAULTS).index(key) % SHARE == 0:
        style = Style(color=False, unicode=True, width=100)
        texts += [rendered(answer, form, style, verbose=True) for form in FORMATS]
    for text in texts:
        assert literals & set(tokens(text)) == set()
        assert not [word for word in IDENTIFIERS if word in text]


def differences(one: Report, other: Report) -> list[str]:
    """Where two reports say different things."""
    first, second = (dict(leaves(msgspec.to_builtins(report), "")) for report in (one, other))
    paths = dict.fromkeys((*first, *second))
    return [
        f"{path}: {first.get(path)!r}, {second.get(path)!r}"
        for path in paths
        if first.get(path) != second.get(path)
    ]


def leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from leaves(part, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        yield f"{path}#", len(value)
        for number, part in enumerate(value):
            yield from leaves(part, f"{path}[{number}]")
    else:
        yield path, value


def tokens(text: str) -> Iterator[str]:
    """Every word of a text that may be a name or an address, whole and at its joints."""
    for found in re.findall(r"[\w.:-]+", text):
        yield found
        yield from re.split(r"[.:]", found)
    yield from re.findall(r"\d{1,3}(?:\.\d{1,3}){3}", text)
    yield from re.findall(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}", text)


def real(snapshot: Snapshot) -> Iterator[str]:
    """The names and addresses of a recording that must not be seen."""
    text = encode(snapshot).decode()
    for address in set(re.findall(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])", text)):
        if not any(ip_address(address) in network for network in MEANT):
            yield address
    for lladdr in set(re.findall(r'"([0-9a-f]{2}(?::[0-9a-f]{2}){5})"', text)):
        if lladdr not in ("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff") and not lladdr.startswith(("01:", "33:")):
            yield lladdr
    for facts in snapshot.namespaces:
        yield from facts.id.names
        yield from (link.name for link in facts.links if not HARMLESS.fullmatch(link.name))


def test_equal_names_get_equal_aliases_over_all_parts_of_a_snapshot() -> None:
    _, _, hidden, answer, redaction = redacted("calico-policy/policy-denies")
    text = encode(hidden).decode()
    device = redaction.names.devices["calia"]
    assert device.startswith("cali")
    assert f"-i {device} -g cali-fw-{device}" in text, "the chain made from a device's name goes with it"
    assert f'"name": "{device}"' in text
    assert answer.question.source.name in {
        redaction.names.whole[f"nd-calico-policy-{role}"] for role in "abc"
    }


def test_the_map_holds_what_was_replaced_and_the_facts_do_not() -> None:
    _, _, hidden, _, redaction = redacted("vxlan/fdb-missing")
    mapping = redaction.mapping()
    assert mapping["names"]["nd-vxlan-a"].startswith("ns-")
    assert mapping["addresses"]["10.244.1.2"].startswith("10.")
    text = encode(hidden).decode()
    assert not [
        word
        for words in mapping.values()
        for word in words
        if re.search(rf"(?<![\w.-]){re.escape(word)}(?![\w.-])", text)
    ]
