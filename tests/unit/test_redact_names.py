from __future__ import annotations

import inspect
import json
import random
import typing

import msgspec
import pytest

from netdoctor.facts.firewall import FirewallText, SetText
from netdoctor.facts.host import NamespaceFacts, NamespaceId
from netdoctor.facts.links import Link
from netdoctor.facts.processes import Process
from netdoctor.question import End
from netdoctor.redact.addresses import Addresses
from netdoctor.redact.kinds import KINDS, TOGETHER
from netdoctor.redact.names import Names
from netdoctor.redact.nftjson import NftRedactor
from netdoctor.redact.redaction import Redaction
from netdoctor.redact.xtables import redact_set, redact_table
from netdoctor.snapshot import Snapshot

PLAIN = Addresses(b"x", [], [])
KEPT = [
    "lo",
    "eth0",
    "eth0.100",
    "enp3s0f1",
    "docker0",
    "cni0",
    "flannel.1",
    "vxlan.calico",
    "tunl0",
    "br0",
    "wg0",
    "virbr0",
]


@pytest.mark.parametrize("name", KEPT)
def test_usual_devices_keep_their_names(name: str) -> None:
    assert Names().device(name) == name


@pytest.mark.parametrize(
    "name",
    ["veth3a5f2b1", "cali12ab34cd56e", "br-5a6b7c8d9e0f", "acme-uplink", "acme.100", "enx001122334455"],
)
def test_other_devices_get_short_names_of_their_own(name: str) -> None:
    names = Names()
    alias = names.device(name)
    assert alias != name
    assert len(alias) <= 15
    assert names.device(name) == alias
    assert ("." in alias) == ("." in name)
    assert names.device(f"{name}x"[-15:]) != alias


def test_a_device_matches_the_wildcards_it_matched_and_no_others() -> None:
    wildcards = ["cali", "acme", "acme-f", "v", "lxc"]
    devices = [
        "cali1a2b",
        "acme-front",
        "acme-back",
        "acme-f1",
        "zeta0",
        "veth9c8d",
        "lxcab12",
        "vpn7",
        "eth0",
    ]
    names = Names(wildcards)
    for device in devices:
        for word in wildcards:
            alias, pattern = names.device(device), names.pattern(f"{word}+")
            assert alias.startswith(pattern[:-1]) == device.startswith(word), (device, word, alias, pattern)
    assert names.pattern("+") == "+"


def test_no_alias_is_a_name_that_there_is() -> None:
    names = Names((), {"veth1", "veth2", "n1", "ns-1"})
    assert names.device("veth0ff1ce") == "veth3"
    assert names.piece("acme") == "n2"
    assert names.whole_name("web", "ns") == "ns-2"


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("KUBE-SERVICES", "KUBE-SERVICES"),
        ("filter_IN_public_allow", "filter_IN_public_allow"),
        ("KUBE-SVC-ERIFXISQEP7F7OF4", "KUBE-SVC-"),
        ("cali-pi-acme.secret", "cali-pi-"),
        ("service-4AT6LBPK-default/shop/tcp/http", "service-"),
    ],
)
def test_of_a_name_the_common_words_stay(name: str, kept: str) -> None:
    alias = Names().identifier(name)
    assert alias.startswith(kept)
    assert len(alias) <= len(name)
    assert not [word for word in ("ERIF", "acme", "secret", "4AT6", "shop") if word in alias]


def test_rules_of_iptables_stay_the_same_rules() -> None:
    names = Names()
    text = (
        ":acme-in - [0:0]\n"
        '[3:99] -A FORWARD ! -i acme0 -s 10.1.2.0/24 -m comment --comment "shop of acme" -j acme-in\n'
        "-A acme-in -m set ! --match-set acme-set src -p tcp --dport 80 -j DROP\n"
        "-A acme-in -m iprange --src-range 10.1.2.5-10.1.2.9 -j LOG --log-prefix acme\n"
    )
    shown = redact_table(text, names, PLAIN)
    chain, word, device = names.identifier("acme-in"), names.piece("acme"), names.device("acme0")
    assert f":{chain} - [0:0]\n[3:99] -A FORWARD ! -i {device} -s {PLAIN.text('10.1.2.0/24')} " in shown
    assert f'--comment "{names.piece("shop")} of {word}" -j {chain}\n' in shown
    assert f"! --match-set {word}-set src -p tcp --dport 80 -j DROP\n" in shown
    assert shown.endswith(f"-j LOG --log-prefix {word}\n")
    assert "acme" not in shown


def test_sets_stay_the_same_sets() -> None:
    names = Names()
    text = 'create shop hash:net,iface family inet\nadd shop 10.1.0.0/16,acme0 comment "of acme"\n'
    shown = redact_set(text, names, PLAIN)
    set_, net, device = names.piece("shop"), PLAIN.text("10.1.0.0/16"), names.device("acme0")
    assert (
        shown
        == f'create {set_} hash:net,iface family inet\nadd {set_} {net},{device} comment "of {names.piece("acme")}"\n'
    )
    listed = redact_set("create all list:set size 8\nadd all shop\n", names, PLAIN)
    assert listed == f"create all list:set size 8\nadd all {set_}\n"


def test_native_rules_stay_the_same_rules() -> None:
    names = Names(["acme"])
    match = {
        "match": {
            "op": "==",
            "left": {"meta": {"key": "iifname"}},
            "right": {"set": ["acme0", "acme*", "eth0"]},
        }
    }
    state = {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["new", "established"]}}
    both = {"concat": [{"meta": {"key": "oifname"}}, {"meta": {"key": "l4proto"}}]}
    vmap = {
        "vmap": {"key": both, "data": {"set": [[{"concat": ["acme0", "tcp"]}, {"jump": {"target": "shop"}}]]}}
    }
    rule = {
        "family": "inet",
        "table": "acme",
        "chain": "shop",
        "comment": "shop of acme",
        "expr": [match, state, vmap],
    }
    named = {
        "family": "inet",
        "table": "acme",
        "name": "shops",
        "type": ["ifname", "ipv4_addr"],
        "elem": [{"concat": ["acme0", "10.1.2.3"]}],
    }
    shown = json.loads(NftRedactor(names, PLAIN)(json.dumps({"nftables": [{"rule": rule}, {"set": named}]})))
    first, second = shown["nftables"][0]["rule"], shown["nftables"][1]["set"]
    device, word = names.device("acme0"), names.piece("acme")
    assert first["table"] == second["table"] == word
    assert first["chain"] == names.piece("shop")
    assert first["expr"][0]["match"]["right"]["set"] == [device, names.pattern("acme*"), "eth0"]
    assert first["expr"][1] == state
    assert first["expr"][2]["vmap"]["data"]["set"] == [
        [{"concat": [device, "tcp"]}, {"jump": {"target": names.piece("shop")}}]
    ]
    assert second["elem"] == [{"concat": [device, PLAIN.ip("10.1.2.3")]}]


def test_names_are_found_in_sentences_and_commands() -> None:
    odd = "my web (old)"
    facts = NamespaceFacts(
        NamespaceId(1, ("shop-web", odd), ("/run/netns/shop-web",), (Process(7, "acmed"),)),
        (Link(2, "acme0", 1, 1500),),
    )
    redaction = Redaction([facts], b"x", ["node.acme.example"])
    hidden = redaction.of(facts)
    name, device = hidden.id.names[0], hidden.links[0].name
    assert (
        redaction.prose("acme0 in shop-web: shop-web's acme0, (shop-web)")
        == f"{device} in {name}: {name}'s {device}, ({name})"
    )
    assert (
        redaction.prose("sysctl net.ipv4.conf.acme0.rp_filter") == f"sysctl net.ipv4.conf.{device}.rp_filter"
    )
    assert (
        redaction.prose("nsenter --net=/run/netns/shop-web ip link")
        == f"nsenter --net={hidden.id.paths[0]} ip link"
    )
    assert redaction.prose(f"it is {odd} there") == f"it is {hidden.id.names[1]} there"
    assert redaction.prose("pid 7 (acmed)") == f"pid 7 ({hidden.id.processes[0].name})"
    assert (
        redaction.of(End("netns:shop-web@node.acme.example", "netns", "shop-web")).given
        == f"netns:{name}@host-1"
    )
    assert "acme" not in redaction.prose("acme0@node.acme.example")


def records(shape: typing.Any, seen: set[type[msgspec.Struct]]) -> set[type[msgspec.Struct]]:
    """Every record that a type is made of."""
    for part in typing.get_args(shape):
        records(part, seen)
    if inspect.isclass(shape) and issubclass(shape, msgspec.Struct) and shape not in seen:
        seen.add(shape)
        for field in msgspec.structs.fields(shape):
            records(field.type, seen)
    return seen


def test_every_text_of_the_facts_is_said_to_be_something() -> None:
    missing = [
        f"{record.__name__}.{field.name}"
        for record in records(Snapshot, set()) | {End}
        for field in msgspec.structs.fields(record)
        if "str" in str(field.type) and f"{record.__name__}.{field.name}" not in KINDS.keys() | TOGETHER
    ]
    assert missing == [], "netdoctor/redact/kinds.py lacks a line for each of these"


STRANGE = [
    "",
    "\x1b[31m",
    '"',
    'a"b',
    '{"nftables": 3}',
    '{"nftables": [1, {"rule": 5}, {"set": {"elem": {"a": [1]}}}]}',
]
STRANGE += [
    "[" * 3000,
    '{"nftables": [' + "[" * 3000 + "]" * 3000 + "]}",
    "+",
    "*",
    "a/b/c" * 500,
    "1.2.3.4/99",
    "::/300",
]
STRANGE += [
    "-A " * 1000,
    "add x",
    "create",
    "-i",
    '--comment "',
    "10.0.0.9-10.0.0.1",
    "0" * 5000 + ".1.1.1",
    "(" * 50,
    "x\ny",
]


@pytest.mark.parametrize("seed", range(40))
def test_strange_facts_are_redacted_without_a_word(seed: int) -> None:
    rng = random.Random(seed)

    def odd() -> str:
        return rng.choice(STRANGE)

    tables = tuple(
        FirewallText(
            "nft", "ip", "nft", odd(), odd(), native=rng.choice([None, odd()]), devices=((odd(), (odd(),)),)
        )
        for _ in range(3)
    )
    known = NamespaceId(1, (odd(),), (odd(),), (Process(1, odd()),))
    links = tuple(Link(n, odd(), 1, 1500, altnames=(odd(),)) for n in range(3))
    facts = NamespaceFacts(
        known, links, firewall=tables, ipsets=(SetText(odd(), odd()),), sysctls={odd(): odd()}
    )
    redaction = Redaction([facts], b"x", [odd()])
    assert len(redaction.of(facts).links) == 3
    assert redaction.prose(" ".join(odd() for _ in range(20))) is not None


def test_what_cannot_be_read_as_rules_is_redacted_word_by_word() -> None:
    facts = NamespaceFacts(
        NamespaceId(1), firewall=(FirewallText("nft", "ip", "nft", "filter", '{"acme": 10.1.2.3'),)
    )
    text = Redaction([facts], b"x").of(facts).firewall[0].text
    assert "acme" not in text
    assert "10.1.2.3" not in text
