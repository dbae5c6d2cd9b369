"""Native tables, from what nft 1.0.6 printed of a table with one rule for each thing that it can say."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from netdoctor.facts.firewall import FirewallText
from netdoctor.kernel.netfilter import model as m
from netdoctor.kernel.netfilter.ruleset import Ruleset
from tests.unit.nft_cases import CASES

RECORDED = Path(__file__).with_name("nft_recorded.json").read_text(encoding="utf-8")


def ruleset(text: str, name: str = "t", family: str = "inet") -> Ruleset:
    return Ruleset([FirewallText("nft", family, "nft", name, text)])


def made(*expressions: object, family: str = "inet", comment: str | None = None) -> m.FirewallRule:
    rule = {"chain": "c", "handle": 7, "expr": expressions, **({"comment": comment} if comment else {})}
    text = json.dumps({"nftables": [{"chain": {"name": "c"}}, {"rule": rule}]})
    [parsed] = ruleset(text, family=family).rules(m.Place("nft", family, "t", "c"))  # type: ignore[arg-type]
    return parsed


@pytest.fixture(scope="module")
def recorded() -> dict[str, m.FirewallRule]:
    found = ruleset(RECORDED)
    return {rule.text: rule for place in found.places() for rule in found.rules(place)}


@pytest.mark.parametrize(("text", "matches", "statements"), CASES, ids=[case[0] for case in CASES])
def test_rules(
    recorded: dict[str, m.FirewallRule],
    text: str,
    matches: tuple[m.Match, ...],
    statements: tuple[m.Statement, ...],
) -> None:
    rule = recorded[text]
    assert (rule.matches, rule.statements) == (matches, statements)


def test_handles_comments_and_counters(recorded: dict[str, m.FirewallRule]) -> None:
    commented = next(rule for rule in recorded.values() if rule.comment is not None)
    assert commented.comment == "hello there"
    assert commented.handle is not None
    assert recorded["counter drop"].packets == 5
    assert recorded["return"].packets is None


def test_base_chains() -> None:
    found = ruleset(RECORDED)
    [(base, place)] = found.base_chains("forward", ("ip", "inet"))
    assert base == m.Base("filter", "forward", -5, "drop")
    assert place == m.Place("nft", "inet", "t", "f")
    assert [p.chain for _, p in found.base_chains("prerouting", ("inet",))] == ["raw", "n"]
    assert found.base_chains("forward", ("bridge",)) == []


SETS = [
    ("s1", ("ipv4_addr",), [("1.2.3.4",), ("10.0.0.0/8",), ("192.168.0.1-192.168.0.9",)]),
    ("s2", ("ipv4_addr", "inet_service"), [("10.0.0.1", "80"), ("10.0.0.2", "443")]),
    ("s3", ("ifname",), [("eth*",), ("lo",)]),
    ("s4", ("ipv4_addr",), [("1.1.1.1",)]),
    ("s5", ("ipv4_addr", "inet_service"), [("10.0.0.0/8", "80-90")]),
    ("s6", ("icmp_type",), [("8",)]),
    ("s7", ("mark",), [("5",), ("16",)]),
    ("s8", ("ipv4_addr",), [("1.2.3.4",)]),
]


@pytest.mark.parametrize(("name", "fields", "keys"), SETS)
def test_sets(name: str, fields: tuple[str, ...], keys: list[tuple[str, ...]]) -> None:
    found = ruleset(RECORDED).set(m.Place("nft", "inet", "t", "f"), name)
    assert found is not None
    assert found.known
    assert (found.fields, [key for key, _ in found.elements]) == (fields, keys)


def test_maps() -> None:
    found, place = ruleset(RECORDED), m.Place("nft", "inet", "t", "f")
    verdicts = found.set(place, "m1")
    assert verdicts is not None
    assert set(verdicts.elements) == {
        (("10.0.0.1", "6", "80"), m.Verdict("goto", "u")),
        (("10.0.0.2", "17", "53"), m.Verdict("drop")),
    }
    targets, ports = found.set(place, "m2"), found.set(place, "m3")
    assert targets is not None
    assert ports is not None
    assert targets.elements == ((("10.0.0.1",), ("10.1.0.1", 80)),)
    assert ports.elements == ((("80",), ("10.1.0.1", None)),)
    assert found.set(place, "nowhere") is None


def test_a_set_of_another_table_is_not_seen() -> None:
    assert ruleset(RECORDED).set(m.Place("nft", "inet", "other", "f"), "s1") is None


def test_in_a_table_of_one_version_the_version_is_no_condition() -> None:
    match = {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "ttl"}}, "right": 5}}
    assert made(match, family="ip").matches == (m.Range(what="ttl", first=5, last=5),)
    assert made(match, family="bridge").matches[0] == m.EtherType(numbers=(0x0800,))


def test_a_condition_behind_a_change_is_asked_after_it() -> None:
    mark = {"mangle": {"key": {"meta": {"key": "mark"}}, "value": 5}}
    match = {"match": {"op": "==", "left": {"meta": {"key": "mark"}}, "right": 5}}
    rule = made(mark, match, {"drop": None})
    assert rule.matches == ()
    assert [type(made) for made in rule.statements] == [m.SetMark, m.Demand, m.Verdict]


def test_extensions_of_iptables_are_undecided() -> None:
    rule = made({"xt": {"type": "match", "name": "u32"}}, {"xt": {"type": "target", "name": "DNAT"}})
    assert rule.matches == (m.Unknown(text="xt match u32"),)
    assert isinstance(rule.statements[0], m.UnknownStatement)
    rule = made({"xt": {"type": "match", "name": "comment"}}, {"xt": {"type": "target", "name": "LOG"}})
    assert rule.matches == ()
    assert isinstance(rule.statements[0], m.Pass)


DNAT = m.State(states=("DNAT",))
STATES: list[tuple[str, str, object, str, tuple[m.Match, ...]]] = [
    ("state", "in", ["new", "related"], "ct state new,related", (m.State(states=("NEW", "RELATED")),)),
    ("state", "!", ["new", "related"], "ct state ! new,related", (m.State(True, ("NEW", "RELATED")),)),
    ("state", "==", "new", "ct state new", (m.State(states=("NEW",)),)),
    ("status", "in", "dnat", "ct status dnat", (DNAT,)),
    ("status", "!", "dnat", "ct status ! dnat", (m.State(True, ("DNAT",)),)),
    ("status", "in", ["seen-reply"], "ct status seen-reply", (m.CtStatus(statuses=("SEEN_REPLY",)),)),
]


@pytest.mark.parametrize(("key", "op", "right", "text", "matches"), STATES)
def test_connection_tracking(
    key: str, op: str, right: object, text: str, matches: tuple[m.Match, ...]
) -> None:
    rule = made({"match": {"op": op, "left": {"ct": {"key": key}}, "right": right}})
    assert (rule.text, rule.matches) == (text, matches)


def test_bits_under_a_mask() -> None:
    def masked(key: str, mask: object, right: object) -> m.FirewallRule:
        return made({"match": {"op": "==", "left": {"&": [{"ct": {"key": key}}, mask]}, "right": right}})

    assert masked("status", "dnat", "dnat").matches == (DNAT,)
    assert masked("state", ["invalid", "new"], "new").matches == (m.State(states=("NEW",)),)
    assert masked("state", ["invalid", "new"], "new").text == "ct state new / invalid,new"
    assert isinstance(masked("status", ["dnat", "assured"], "dnat").matches[0], m.Unknown)


def test_reject_alone_is_what_the_family_makes_of_it() -> None:
    reject = {"reject": {"type": "icmp", "expr": "port-unreachable"}}
    assert made(reject, family="ip").text == "reject"
    assert made(reject, family="inet").text == "reject with icmp port-unreachable"
    rule = made({"reject": {"type": "icmpv6", "expr": "port-unreachable"}}, family="ip6")
    assert (rule.text, rule.statements) == ("reject", (m.Reject("icmp6-port-unreachable"),))


def test_netdev_chains_name_their_devices() -> None:
    chain = {"name": "c", "type": "filter", "hook": "ingress", "prio": 0, "policy": "drop", "dev": ["a", "b"]}
    [(base, _)] = ruleset(json.dumps({"nftables": [{"chain": chain}]}), family="netdev").base_chains(
        "ingress", ("netdev",)
    )
    assert base == m.Base("filter", "ingress", 0, "drop", ("a", "b"))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"nftables": 5}', '{"nftables": [{"rule": {}}]}'])
def test_a_text_that_is_not_nfts_is_unread(text: str) -> None:
    found = ruleset(text)
    assert [entry.table for entry in found.unread] == ["t"]
    assert found.places() == ()


def mangled(value: object, rng: random.Random) -> object:
    if rng.random() < 0.02:
        return rng.choice([None, 5, "x", [], {}, {"set": 5}, True, {"range": [1]}, {"prefix": {}}])
    if isinstance(value, list):
        return [mangled(part, rng) for part in value]
    if isinstance(value, dict):
        return {key: mangled(part, rng) for key, part in value.items()}
    return value


def test_nothing_that_a_file_may_hold_raises() -> None:
    rng = random.Random(5)
    items = json.loads(RECORDED)["nftables"]
    for _ in range(60):
        changed = [
            {kind: {**body, **{k: mangled(body[k], rng) for k in ("expr", "elem", "type") if k in body}}}
            for item in items
            for kind, body in item.items()
        ]
        found = ruleset(json.dumps({"nftables": changed}))
        for place in found.places():
            found.rules(place)
        for name, _, _ in SETS:
            found.set(m.Place("nft", "inet", "t", "f"), name)
