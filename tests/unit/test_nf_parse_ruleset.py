"""All tables of a namespace together: order, sets, tables that two tools wrote in, and what is read late."""

from __future__ import annotations

import json

import pytest

from netdoctor.facts.firewall import FirewallText, SetText
from netdoctor.facts.host import NamespaceFacts, NamespaceId
from netdoctor.facts.tables import TableNamespace
from netdoctor.kernel.netfilter import model as m
from netdoctor.kernel.netfilter.ruleset import Ruleset, ruleset_of
from netdoctor.kernel.netfilter.sets import IpSets


def native(name: str, family: str, *chains: tuple[str, str, str, int]) -> FirewallText:
    items = [
        {"chain": {"name": chain, "type": kind, "hook": hook, "prio": priority}}
        for chain, kind, hook, priority in chains
    ]
    return FirewallText("nft", family, "nft", name, json.dumps({"nftables": items}))


def saved(backend: str, table: str, *chains: str, family: str = "ip") -> FirewallText:
    text = "".join(f":{chain} ACCEPT [0:0]\n" for chain in chains)
    return FirewallText(backend, family, "tool", table, text)  # type: ignore[arg-type]


def order(ruleset: Ruleset, hook: m.Hook, *families: m.Family) -> list[tuple[str, str, str]]:
    return [(place.backend, place.table, place.chain) for _, place in ruleset.base_chains(hook, families)]


def test_all_tables_of_a_hook_run_by_priority() -> None:
    found = Ruleset(
        [
            saved("legacy", "filter", "FORWARD", "INPUT"),
            saved("nft", "mangle", "FORWARD"),
            native("first", "inet", ("f", "filter", "forward", -5), ("i", "filter", "input", 0)),
            native("last", "ip", ("f", "filter", "forward", 10)),
            native("other", "ip6", ("f", "filter", "forward", -10)),
        ]
    )
    assert order(found, "forward", "ip", "inet") == [
        ("nft", "mangle", "FORWARD"),
        ("nft", "first", "f"),
        ("legacy", "filter", "FORWARD"),
        ("nft", "last", "f"),
    ]
    assert order(found, "forward", "ip6", "inet") == [("nft", "other", "f"), ("nft", "first", "f")]


def test_of_equal_priorities_the_last_registered_runs_first() -> None:
    found = Ruleset(
        [
            saved("legacy", "filter", "FORWARD"),
            native("a", "inet", ("f1", "filter", "forward", 0), ("f2", "filter", "forward", 0)),
            native("b", "ip", ("f", "filter", "forward", 0)),
        ]
    )
    assert order(found, "forward", "ip", "inet") == [
        ("nft", "b", "f"),
        ("nft", "a", "f2"),
        ("nft", "a", "f1"),
        ("legacy", "filter", "FORWARD"),
    ]


def test_nat_chains_run_where_nat_runs() -> None:
    found = Ruleset(
        [
            native("a", "ip", ("late", "nat", "prerouting", 50), ("early", "nat", "prerouting", -200)),
            native(
                "b", "ip", ("between", "filter", "prerouting", -150), ("after", "filter", "prerouting", -50)
            ),
        ]
    )
    assert [chain for _, _, chain in order(found, "prerouting", "ip")] == [
        "between",
        "early",
        "late",
        "after",
    ]


def test_priorities_and_kinds_of_the_standard_tables() -> None:
    chains = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")
    hooked = {
        "raw": (0, 3),
        "mangle": (0, 1, 2, 3, 4),
        "nat": (0, 1, 3, 4),
        "filter": (1, 2, 3),
        "security": (1, 2, 3),
    }
    found = Ruleset([saved("legacy", name, *(chains[n] for n in own)) for name, own in hooked.items()])
    bases = {
        (place.table, place.chain): (base.kind, base.priority)
        for hook in ("prerouting", "input", "output")
        for base, place in found.base_chains(hook, ("ip",))
    }
    assert bases["raw", "PREROUTING"] == ("filter", -300)
    assert bases["mangle", "OUTPUT"] == ("route", -150)
    assert bases["nat", "PREROUTING"] == ("nat", -100)
    assert bases["nat", "INPUT"] == ("nat", 100)
    assert bases["security", "INPUT"] == ("filter", 50)
    bridge = Ruleset([saved("nft", "nat", "PREROUTING", family="bridge")])
    [(base, _)] = bridge.base_chains("prerouting", ("bridge",))
    assert (base.kind, base.priority) == ("filter", -300)


def test_what_could_not_be_read_is_said() -> None:
    broken = FirewallText("legacy", "ip", "iptables-legacy-save", "filter", error="not installed")
    odd = saved("legacy", "odd", "INPUT")
    found = Ruleset([broken, odd, saved("nft", "filter", "INPUT")])
    assert found.unread == (broken, odd)
    assert order(found, "input", "ip") == [("nft", "filter", "INPUT")]


def mixed(lines: str, *expressions: list[object]) -> tuple[m.FirewallRule, ...]:
    items: list[object] = [{"chain": {"name": "FORWARD", "type": "filter", "hook": "forward", "prio": 0}}]
    items += [{"rule": {"chain": "FORWARD", "handle": n, "expr": made}} for n, made in enumerate(expressions)]
    text = f":FORWARD ACCEPT [0:0]\n{lines}"
    table = FirewallText("nft", "ip", "iptables-nft-save", "filter", text, json.dumps({"nftables": items}))
    found = Ruleset([table])
    [(_, place)] = found.base_chains("forward", ("ip",))
    return found.rules(place)


def source(right: object) -> object:
    return {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": right}}


COUNTER: dict[str, object] = {"counter": {"packets": 3, "bytes": 5}}


def test_each_rule_of_a_mixed_table_is_taken_from_the_tool_that_shows_it() -> None:
    rules = mixed(
        "-A FORWARD -s 10.0.0.1/32 -j DROP\n-A FORWARD -s 10.0.0.9/32 -j DROP\n-A FORWARD -m u32 --u32 x -j DROP\n"
        "-A FORWARD -s 10.0.0.1/32 -j DROP\n",
        [source("10.0.0.1"), COUNTER, {"drop": None}],
        [source({"range": ["10.0.0.1", "10.0.0.9"]}), COUNTER, {"drop": None}],
        [{"xt": {"type": "match", "name": "u32"}}, COUNTER, {"drop": None}],
        [source("10.0.0.1"), {"drop": None}],
    )
    assert [rule.text for rule in rules] == [
        "-A FORWARD -s 10.0.0.1/32 -j DROP",
        "ip saddr 10.0.0.1-10.0.0.9 counter drop",
        "-A FORWARD -m u32 --u32 x -j DROP",
        "ip saddr 10.0.0.1 drop",
    ]
    assert [rule.number for rule in rules] == [1, 2, 3, 4]


def test_a_mixed_table_that_changed_in_between_is_taken_from_nft() -> None:
    [rule] = mixed("", [source("10.0.0.1"), {"drop": None}])
    assert rule.text == "ip saddr 10.0.0.1 drop"


SETS = {
    "addresses": (
        "create addresses hash:ip family inet hashsize 1024\nadd addresses 10.0.0.1 timeout 5\n",
        ("ipv4_addr",),
        [("10.0.0.1",)],
        [],
    ),
    "masked": (
        "create masked hash:ip family inet netmask 24\nadd masked 10.0.0.0\n",
        ("ipv4_addr",),
        [("10.0.0.0/24",)],
        [],
    ),
    "networks": (
        "create networks hash:net family inet6\nadd networks fd00::/8\nadd networks fd00::1 nomatch\n",
        ("ipv6_addr",),
        [("fd00::/8",)],
        [("fd00::1",)],
    ),
    "ports": (
        "create ports hash:ip,port family inet\nadd ports 10.0.0.1,tcp:80\nadd ports 10.0.0.1,icmp:8/0\n",
        ("ipv4_addr", "inet_service"),
        [("10.0.0.1", "tcp:80"), ("10.0.0.1", "icmp:8/0")],
        [],
    ),
    "links": (
        "create links hash:net,iface family inet\nadd links 10.0.0.0/8,eth0\nadd links 10.0.0.0/8,veth wildcard\n",
        ("ipv4_addr", "ifname"),
        [("10.0.0.0/8", "eth0"), ("10.0.0.0/8", "veth*")],
        [],
    ),
    "numbers": (
        "create numbers bitmap:port range 0-1023\nadd numbers 80\n",
        ("inet_service",),
        [("80",)],
        [],
    ),
    "macs": (
        "create macs bitmap:ip,mac range 10.0.0.0/24\nadd macs 10.0.0.1,02:00:00:00:00:0A\n",
        ("ipv4_addr", "ether_addr"),
        [("10.0.0.1", "02:00:00:00:00:0a")],
        [],
    ),
    "both": (
        "create both list:set size 8\nadd both addresses\nadd both masked\n",
        ("ipv4_addr",),
        [("10.0.0.1",), ("10.0.0.0/24",)],
        [],
    ),
}


def ipsets() -> tuple[SetText, ...]:
    return tuple(SetText(name, text) for name, (text, _, _, _) in SETS.items())


@pytest.mark.parametrize("name", SETS)
def test_ipsets(name: str) -> None:
    _, fields, keys, exceptions = SETS[name]
    found = IpSets(ipsets).facts(name)
    assert found is not None
    assert found.known
    assert (found.fields, [key for key, _ in found.elements]) == (fields, keys)
    assert list(found.exceptions) == exceptions


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("odd", "create odd hash:new,kind family inet\n"),
        ("odd", "create odd hash:net,iface family inet\nadd odd 10.0.0.0/8,physdev:eth0\n"),
        ("odd", "create odd list:set\nadd odd networks\nadd odd addresses\n"),
        ("odd", "create odd list:set\nadd odd odd\n"),
        ("odd", "create odd bitmap:ip,mac range 10.0.0.0/24\nadd odd 10.0.0.2\n"),
    ],
)
def test_an_ipset_that_cannot_be_said_is_unknown(name: str, text: str) -> None:
    found = IpSets(lambda: (*ipsets(), SetText(name, text))).facts(name)
    assert found is not None
    assert not found.known


def test_ipsets_are_asked_for_late() -> None:
    asked = []

    def texts() -> tuple[SetText, ...]:
        asked.append(1)
        return ipsets()

    text = ":FORWARD ACCEPT [0:0]\n-A FORWARD -j DROP\n-A FORWARD -m set --match-set ports src,dst -j DROP\n"
    found = Ruleset([FirewallText("legacy", "ip", "tool", "filter", text)], texts)
    place = m.Place("legacy", "ip", "filter", "FORWARD")
    found.base_chains("forward", ("ip",))
    assert asked == []
    assert found.rules(place)[1].matches == (m.InSet(name="ports", fields=("src", "dport")),)
    assert found.set(place, "ports") is not None
    assert found.set(place, "nowhere") is None
    assert asked == [1]


PARTIAL = FirewallText(
    "nft",
    "ip",
    "iptables-nft",
    "nat",
    ":PREROUTING ACCEPT [0:0]\n#PREROUTING\n-A PREROUTING -j SERVICES\n:OUTPUT ACCEPT [0:0]\n#OUTPUT\n",
    partial=True,
)


def test_chains_of_a_very_large_table_are_asked_for_one_by_one() -> None:
    asked = []

    def ask(table: FirewallText, chain: str) -> str | None:
        asked.append(chain)
        return f"-A {chain} -j DNAT --to-destination 10.0.0.1\n" if chain == "SERVICES" else None

    found = Ruleset([PARTIAL], tuple, ask)
    [(_, place)] = found.base_chains("prerouting", ("ip",))
    assert found.rules(place)[0].statements == (m.Verdict("jump", "SERVICES"),)
    assert asked == []
    [rule] = found.rules(m.Place("nft", "ip", "nat", "SERVICES"))
    assert rule.statements == (m.Translate("dnat", ("10.0.0.1", "10.0.0.1")),)
    assert found.rules(m.Place("nft", "ip", "nat", "OUTPUT")) == ()
    [lost] = found.rules(m.Place("nft", "ip", "nat", "GONE"))
    assert isinstance(lost.statements[0], m.UnknownStatement)
    assert asked == ["SERVICES", "GONE"]


def test_a_namespace_has_one_ruleset() -> None:
    facts = NamespaceFacts(NamespaceId(5), firewall=(saved("legacy", "filter", "INPUT"),), ipsets=ipsets())
    namespace = TableNamespace(facts)
    assert ruleset_of(namespace) is ruleset_of(namespace)
    assert order(ruleset_of(namespace), "input", "ip") == [("legacy", "filter", "INPUT")]
