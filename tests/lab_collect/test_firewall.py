"""Rules are found whatever wrote them, and looking for them loads nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from netdoctor.collect import firewall
from netdoctor.collect.firewall import legacy, nft, saved, tools
from netdoctor.collect.live import LiveHost
from netdoctor.facts.firewall import FirewallText, SetText
from netdoctor.facts.host import Missing
from netdoctor.facts.tables import TableNamespace
from netdoctor.kernel.netfilter import model as m
from netdoctor.kernel.netfilter.ruleset import Ruleset, ruleset_of

from .conftest import Bench, opened


def need(*names: str) -> None:
    for name in names:
        if shutil.which(name, path=tools.PATH) is None:
            pytest.skip(f"needs {name}")


@pytest.fixture
def full(bench: Bench) -> str:
    """A namespace with nothing loaded."""
    return bench.add("fw")


def read(bench: Bench, full: str) -> tuple[tuple[FirewallText, ...], tuple[Missing, ...]]:
    with LiveHost() as host:
        found = opened(host, bench, full).firewall()
        return found, tuple(entry for entry in host.missing if full in entry.what)


def texts(bench: Bench, full: str) -> tuple[FirewallText, ...]:
    found, missing = read(bench, full)
    assert missing == ()
    return found


def names(found: tuple[FirewallText, ...]) -> list[tuple[str, str, str, str]]:
    return [(text.backend, text.family, text.tool, text.table) for text in found]


def inside(bench: Bench, full: str, command: str) -> None:
    bench.inside(full, *command.split())


def rule_texts(found: tuple[FirewallText, ...], place: m.Place) -> list[str]:
    return [rule.text for rule in Ruleset(found).rules(place)]


def test_no_tool_runs_where_nothing_is_loaded(
    bench: Bench, full: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> str:
        raise AssertionError("a tool was run")

    for module in (legacy, nft, firewall.ipset):
        monkeypatch.setattr(module, "run", refuse)
    assert texts(bench, full) == ()
    with LiveHost() as host:
        assert opened(host, bench, full).ipsets() == ()
    bench.inside(full, "nft", "add table ip t; add chain ip t unhooked; add rule ip t unhooked drop")
    bench.inside(
        full, "nft", "add table ip d { flags dormant; chain c { type filter hook input priority 0; }; }"
    )
    assert texts(bench, full) == ()


def test_looking_at_legacy_tables_creates_none(bench: Bench, full: str) -> None:
    need("iptables-legacy", "iptables-legacy-save")
    bench.inside(full, "iptables-legacy", "-t", "mangle", "-A", "FORWARD", "-i", "br0", "-j", "DROP")
    with LiveHost() as host:
        namespace = opened(host, bench, full)
        [text] = namespace.firewall()
        access = host.pool.access(namespace.id)
        assert access.run(legacy.loaded_kinds) == [(legacy.KINDS[0], ["mangle"])]
    assert (text.backend, text.family, text.tool, text.table) == (
        "legacy",
        "ip",
        "iptables-legacy-save",
        "mangle",
    )
    place = m.Place("legacy", "ip", "mangle", "FORWARD")
    assert rule_texts((text,), place) == ["-A FORWARD -i br0 -j DROP"]


def test_both_backends_and_both_versions_at_once(bench: Bench, full: str) -> None:
    need("iptables-legacy", "ip6tables-legacy", "iptables-nft", "ip6tables-nft")
    for tool, chain in (
        ("iptables-legacy", "INPUT"),
        ("ip6tables-legacy", "OUTPUT"),
        ("iptables-nft", "FORWARD"),
        ("ip6tables-nft", "FORWARD"),
    ):
        bench.inside(full, tool, "-A", chain, "-p", "tcp", "-m", "comment", "--comment", tool, "-j", "DROP")
    found = texts(bench, full)
    assert names(found) == [
        ("legacy", "ip", "iptables-legacy-save", "filter"),
        ("legacy", "ip6", "ip6tables-legacy-save", "filter"),
        ("nft", "ip", "iptables-nft-save", "filter"),
        ("nft", "ip6", "ip6tables-nft-save", "filter"),
    ]
    rules = Ruleset(found)
    comments = [rule.comment for place in rules.places() for rule in rules.rules(place)]
    assert comments == ["iptables-legacy", "ip6tables-legacy", "iptables-nft", "ip6tables-nft"]


def test_bridge_and_arp_tables(bench: Bench, full: str) -> None:
    need("ebtables-nft", "arptables-nft")
    bench.inside(full, "ebtables-nft", "-A", "FORWARD", "-p", "IPv4", "--ip-dst", "10.0.0.1", "-j", "DROP")
    bench.inside(full, "arptables-nft", "-A", "INPUT", "-s", "10.0.0.1", "-j", "DROP")
    found = texts(bench, full)
    assert set(names(found)) == {
        ("nft", "bridge", "ebtables-nft-save", "filter"),
        ("nft", "arp", "arptables-nft-save", "filter"),
    }
    rules = Ruleset(found)
    [(base, place)] = rules.base_chains("forward", ("bridge",))
    assert base.priority == -200
    assert [rule.text for rule in rules.rules(place)] == ["-A FORWARD -p IPv4 --ip-dst 10.0.0.1 -j DROP"]
    [(_, place)] = rules.base_chains("input", ("arp",))
    [rule] = rules.rules(place)
    assert rule.matches == (m.ArpField(field="saddr", values=("10.0.0.1",)),)


NATIVE = """
table inet fw {
  set allowed {
    type ipv4_addr
    flags interval
    elements = { 10.0.0.0/8 }
  }
  chain forward {
    type filter hook forward priority filter + 10; policy drop;
    ip saddr @allowed accept
  }
}
table bridge br {
  chain f {
    type filter hook forward priority 0;
    ether type arp drop
  }
}
table arp a {
  chain i {
    type filter hook input priority 0;
    arp operation request drop
  }
}
table netdev n {
  chain i {
    type filter hook ingress device lo priority 0;
    drop
  }
}
table ip filter {
  chain low {
    type filter hook forward priority 0;
    tcp dport 80 drop
  }
}
"""


def test_native_tables_of_all_families(bench: Bench, full: str, tmp_path: Path) -> None:
    need("nft")
    script = tmp_path / "rules"
    script.write_text(NATIVE)
    bench.inside(full, "nft", "-f", str(script))
    found = texts(bench, full)
    assert names(found) == [
        ("nft", "inet", "nft", "fw"),
        ("nft", "bridge", "nft", "br"),
        ("nft", "arp", "nft", "a"),
        ("nft", "netdev", "nft", "n"),
        ("nft", "ip", "nft", "filter"),
    ]
    rules = Ruleset(found)
    chains = rules.base_chains("forward", ("ip", "inet"))
    assert [(base.priority, base.policy, place.table) for base, place in chains] == [
        (0, "accept", "filter"),
        (10, "drop", "fw"),
    ]
    allowed = rules.set(chains[1][1], "allowed")
    assert allowed is not None
    assert allowed.elements == ((("10.0.0.0/8",), None),)
    [(base, _)] = rules.base_chains("ingress", ("netdev",))
    assert base.devices == ("lo",)


def test_a_table_that_two_tools_wrote_in_is_read_in_full(bench: Bench, full: str) -> None:
    need("iptables-nft", "nft")
    place = m.Place("nft", "ip", "filter", "FORWARD")
    inside(bench, full, "iptables-nft -A FORWARD -p tcp -m conntrack --ctstate NEW -j REJECT")
    inside(bench, full, "iptables-nft -A FORWARD -s 10.0.0.1 -i a+ -m limit --limit 5/min -j DROP")
    inside(bench, full, "nft add rule ip filter FORWARD ip saddr 10.0.0.1-10.0.0.9 counter drop")
    expected = [
        "-A FORWARD -p tcp -m conntrack --ctstate NEW -j REJECT --reject-with icmp-port-unreachable",
        "-A FORWARD -s 10.0.0.1/32 -i a+ -m limit --limit 5/min -j DROP",
        "ip saddr 10.0.0.1-10.0.0.9 counter drop",
    ]
    found = texts(bench, full)
    assert names(found) == [("nft", "ip", "iptables-nft-save", "filter")]
    assert rule_texts(found, place) == expected
    # from here on iptables refuses to show the table, but not yet its other chains
    inside(bench, full, "iptables-nft -N OTHER")
    inside(bench, full, "iptables-nft -N LAST")
    inside(bench, full, "iptables-nft -A OTHER -m u32 --u32 6&0xff=1 -g LAST")
    inside(bench, full, "nft add rule ip filter FORWARD ct state established accept")
    found = texts(bench, full)
    assert rule_texts(found, place)[2:] == [expected[2], "ct state established accept"]
    other = m.Place("nft", "ip", "filter", "OTHER")
    assert rule_texts(found, other) == ['-A OTHER -m u32 --u32 "0x6&0xff=0x1" -g LAST']
    [rule] = Ruleset(found).rules(other)
    assert rule.statements == (m.Verdict("goto", "LAST"),)


def test_the_text_of_native_rules_is_what_nft_prints(bench: Bench, full: str, tmp_path: Path) -> None:
    need("nft")
    script = tmp_path / "rules"
    script.write_text(NATIVE)
    bench.inside(full, "nft", "-f", str(script))
    printed = bench.inside(full, "nft", "-s", "list", "ruleset")
    rules = Ruleset(texts(bench, full))
    for place in rules.places():
        for rule in rules.rules(place):
            assert f"\t\t{rule.text}\n" in printed


def test_ipsets(bench: Bench, full: str) -> None:
    need("ipset")
    bench.inside(full, "ipset", "create", "pairs", "hash:ip,port")
    bench.inside(full, "ipset", "add", "pairs", "10.0.0.1,tcp:80")
    bench.inside(full, "ipset", "create", "empty", "hash:net")
    with LiveHost() as host:
        found = opened(host, bench, full).ipsets()
    assert [text.name for text in found] == ["pairs", "empty"]
    assert found[0].text.endswith("add pairs 10.0.0.1,tcp:80\n")


def fail(name: str, message: str) -> Callable[..., str]:
    run = tools.run

    def failing(access: object, *command: str) -> str:
        if command[0] == name:
            raise tools.ToolError(message, "mend it")
        return run(access, *command)  # type: ignore[arg-type]

    return failing


def test_a_tool_that_fails_leaves_an_error_and_not_an_empty_table(
    bench: Bench, full: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("iptables-legacy", "nft")
    bench.inside(full, "iptables-legacy", "-A", "INPUT", "-j", "DROP")
    bench.inside(full, "nft", "add table inet t { chain c { type filter hook input priority 0; drop; }; }")
    monkeypatch.setattr(legacy, "run", fail("iptables-legacy-save", "gone"))
    monkeypatch.setattr(nft, "run", fail("nft", "gone too"))
    found, missing = read(bench, full)
    assert [(text.table, text.error) for text in found] == [("filter", "gone"), ("t", "gone too")]
    assert [(entry.what, entry.why) for entry in missing] == [
        (f"table ip filter (legacy) of {full}", "gone"),
        (f"table inet t (nft) of {full}", "gone too"),
    ]
    assert len(Ruleset(found).unread) == 2


def test_a_dump_that_stops_in_the_middle_is_an_error(
    bench: Bench, full: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("iptables-legacy")
    bench.inside(full, "iptables-legacy", "-A", "INPUT", "-j", "DROP")
    monkeypatch.setattr(legacy, "run", lambda *_: "*filter\n:INPUT ACCEPT [0:0]\n[0:0] -A INPUT -m stat")
    found, missing = read(bench, full)
    assert [text.error for text in found] == ["iptables-legacy-save stopped before the end"]
    assert len(missing) == 1


def test_a_missing_tool_and_one_that_fails_say_so(bench: Bench, full: str) -> None:
    with LiveHost() as host:
        access = host.pool.access(opened(host, bench, full).id)
        with pytest.raises(tools.ToolError, match="no-such-tool is not installed"):
            tools.run(access, "no-such-tool")
        with pytest.raises(tools.ToolError, match=r"nft failed \(exit code 1\)"):
            tools.run(access, "nft", "list", "table", "ip", "nowhere")


def test_a_save_is_cut_into_tables() -> None:
    text = "# said\n*nat\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n# said\n*filter\n-A INPUT -j DROP\nCOMMIT\n# done\n"
    assert list(saved.tables(text)) == [("nat", ":OUTPUT ACCEPT [0:0]\n"), ("filter", "-A INPUT -j DROP\n")]
    assert saved.complete(text)
    assert not saved.complete(text.replace("COMMIT\n# done", ""))
    assert saved.refused("# Table `raw' is incompatible, use 'nft' tool.\n") == {"raw"}


def test_a_very_large_table_is_read_chain_by_chain(
    bench: Bench, full: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("iptables-nft")
    for rule in (
        "-N SERVICES",
        "-A PREROUTING -j SERVICES",
        "-A SERVICES -p tcp -j DNAT --to-destination 10.0.0.1",
    ):
        bench.inside(full, "iptables-nft", "-t", "nat", *rule.split())
    monkeypatch.setattr(nft, "BOTH_WAYS", 1)
    with LiveHost() as host:
        namespace = opened(host, bench, full)
        [text] = namespace.firewall()
        assert text.partial
        assert "DNAT" not in text.text
        rules = ruleset_of(namespace)
        [(_, place)] = rules.base_chains("prerouting", ("ip",))
        assert [rule.text for rule in rules.rules(place)] == ["-A PREROUTING -j SERVICES"]
        services = m.Place("nft", "ip", "nat", "SERVICES")
        assert [rule.text for rule in rules.rules(services)] == [
            "-A SERVICES -p tcp -j DNAT --to-destination 10.0.0.1"
        ]
        [asked] = namespace.firewall()
        assert asked.text == (
            f"{text.text}#PREROUTING\n-A PREROUTING -j SERVICES\n"
            "#SERVICES\n-A SERVICES -p tcp -j DNAT --to-destination 10.0.0.1\n"
        )
        again = Ruleset((asked,))
        assert again.rules(services) == rules.rules(services)
        [whole] = namespace.facts().firewall
        assert not whole.partial
        assert "DNAT" in whole.text


def test_a_very_large_table_that_two_tools_wrote_in_is_read_in_full(
    bench: Bench, full: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("iptables-nft", "nft")
    inside(bench, full, "iptables-nft -t nat -N OWN")
    inside(bench, full, "iptables-nft -t nat -N SERVICES")
    inside(bench, full, "iptables-nft -t nat -A PREROUTING -j SERVICES")
    inside(bench, full, "iptables-nft -t nat -A OWN -p udp --dport 5:9 -m limit --limit 5/min -i a+ -j LOG")
    inside(bench, full, "iptables-nft -t nat -A SERVICES -m statistic --mode nth --every 2 --packet 0 -j OWN")
    inside(bench, full, "nft add rule ip nat SERVICES ip saddr 10.0.0.1-10.0.0.9 counter return")
    monkeypatch.setattr(nft, "BOTH_WAYS", 1)
    expected = [
        "-A SERVICES -m statistic --mode nth --every 2 --packet 0 -j OWN",
        "ip saddr 10.0.0.1-10.0.0.9 counter return",
    ]
    own, services = m.Place("nft", "ip", "nat", "OWN"), m.Place("nft", "ip", "nat", "SERVICES")
    with LiveHost() as host:
        namespace = opened(host, bench, full)
        rules = ruleset_of(namespace)
        assert "-j LOG" in rules.rules(own)[0].text
        [text] = namespace.firewall()
        assert text.partial
        assert [rule.text for rule in rules.relevant(services, "10.1.1.1", "10.1.1.1")] == expected
        [text] = namespace.firewall()  # what is proven on it must see both
        assert not text.partial
        assert rule_texts((text,), services) == expected
        assert rule_texts(namespace.facts().firewall, services) == expected
        # a set makes iptables refuse the chain
    bench.inside(full, "nft", "add set ip nat s { type ipv4_addr; elements = { 10.9.9.9 }; }")
    inside(bench, full, "nft add rule ip nat SERVICES ip saddr @s return")
    inside(bench, full, "nft add rule ip nat PREROUTING ip length 5 accept")
    with LiveHost() as host:
        namespace = opened(host, bench, full)
        rules = ruleset_of(namespace)
        assert [rule.text for rule in rules.rules(services)][1:] == [expected[1], "ip saddr @s return"]
        [(_, hooked)] = rules.base_chains("prerouting", ("ip",))
        assert [rule.text for rule in rules.rules(hooked)][1:] == ["ip length 5 accept"]
        [text] = namespace.firewall()
        assert not text.partial
    # a base chain of another name is none that iptables shows
    inside(bench, full, "nft add chain ip nat late { type nat hook prerouting priority -90; }")
    with LiveHost() as host:
        [text] = opened(host, bench, full).firewall()
    assert not text.partial
    assert [place.chain for _, place in Ruleset((text,)).base_chains("prerouting", ("ip",))] == ["PREROUTING", "late"]


def test_a_recording_answers_like_the_live_host(bench: Bench, full: str) -> None:
    need("iptables-nft", "ipset")
    bench.inside(full, "ipset", "create", "some", "hash:ip")
    inside(bench, full, "iptables-nft -A FORWARD -m set --match-set some src -j DROP")
    with LiveHost() as host:
        live = opened(host, bench, full)
        table = TableNamespace(live.facts())
        assert live.firewall() == table.firewall() != ()
        assert live.ipsets() == table.ipsets() == (SetText("some", live.ipsets()[0].text),)
        place = m.Place("nft", "ip", "filter", "FORWARD")
        assert ruleset_of(live).rules(place) == ruleset_of(table).rules(place)
