"""Chains: rule order, jumps and returns, verdicts, what statements leave behind, and what is undecided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import pytest
from msgspec.structs import replace

from netdoctor.kernel.netfilter import model as m
from netdoctor.kernel.netfilter.environment import Rules
from netdoctor.kernel.netfilter.seen import Seen
from netdoctor.kernel.netfilter.traverse import Result, traverse

T = TypeVar("T")

PING = Seen(iif="eth0", oif="eth1", src="10.1.0.2", dst="10.2.0.2", proto=1, icmp_type=8, icmp_code=0)
WEB = replace(PING, proto=6, sport=40000, dport=80, icmp_type=None, icmp_code=None)

ICMP = m.Protocol(numbers=(1,))
TCP = m.Protocol(numbers=(6,))
ACCEPT, DROP, RETURN, CONTINUE = (m.Verdict(kind) for kind in ("accept", "drop", "return", "continue"))
LIMIT = m.Chance(likely=True, text="-m limit --limit 1/sec")
SELDOM = m.Chance(likely=False, text="-m statistic --mode random --probability 0.01")
U32 = m.Unknown(text="-m u32")
LOG = m.Pass(text="LOG")
MODELLESS = m.UnknownStatement(text="-j CLUSTERIP")

#: A chain is a list of rules; a rule is a list of matches and statements.
Part = m.Match | m.Statement
Chains = dict[str, list[list[Part]]]


def jump(chain: str) -> m.Verdict:
    return m.Verdict("jump", chain)


def goto(chain: str) -> m.Verdict:
    return m.Verdict("goto", chain)


def mark(value: int, mask: int = 0xFFFFFFFF, **more: object) -> m.SetMark:
    return m.SetMark(value=value, mask=mask, **more)  # type: ignore[arg-type]


def marked(value: int, mask: int = 0xFFFFFFFF, ct: bool = False) -> m.Mark:
    return m.Mark(value=value, mask=mask, ct=ct)


def dnat(first: str, last: str = "", port: int | None = None) -> m.Translate:
    return m.Translate("dnat", addresses=(first, last or first), ports=None if port is None else (port, port))


def rule(number: int, parts: Sequence[Part]) -> m.FirewallRule:
    matches = tuple(part for part in parts if isinstance(part, m.Match))
    statements = tuple(part for part in parts if isinstance(part, m.Statement))
    return m.FirewallRule(number, f"rule {number}", matches, statements)


class World(Rules):
    """The chains of one case, and a few maps."""

    sets = {
        "verdicts": m.SetFacts(
            "verdicts",
            ("ipv4_addr",),
            ((("10.1.0.0/24",), jump("a")), (("10.1.0.2",), DROP), (("10.7.0.0/16",), ACCEPT)),
        ),
        "services": m.SetFacts(
            "services",
            ("ipv4_addr", "inet_proto", "inet_service"),
            ((("10.2.0.2", "tcp", "80"), goto("svc")), (("10.2.0.2", "tcp", "443"), DROP)),
        ),
        "in-doubt": m.SetFacts("in-doubt", ("ipv4_addr",), known=False),
        "targets": m.SetFacts("targets", ("inet_service",), ((("80",), ("10.3.0.1", 8080)),)),
    }

    def __init__(self, chains: Chains) -> None:
        self.chains = chains

    def rules(self, place: m.Place) -> tuple[m.FirewallRule, ...]:
        return tuple(rule(n, parts) for n, parts in enumerate(self.chains[place.chain], 1))

    def set(self, place: m.Place, name: str, key: tuple[str, ...] | None = None) -> m.SetFacts | None:
        return self.sets.get(name)

    def address_type(self, address: str, ifname: str | None) -> str:
        return "UNICAST"

    def device(self, ifname: str) -> None:
        return None

    def queues(self) -> frozenset[int]:
        return frozenset()

    def connections(self) -> None:
        return None

    def reverse_path(self, seen: Seen, loose: bool, accept_local: bool, validmark: bool) -> bool:
        return True


class Chooser:
    """Takes the first option, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.options: Sequence[object] = ()

    def __call__(self, what: str, options: Sequence[T], /) -> T:
        self.asked.append(what)
        self.options = options
        return options[0]


def run(
    chains: Chains,
    packet: Seen = PING,
    policy: str = "accept",
    hook: m.Hook = "forward",
    backend: m.Backend = "nft",
    kind: str = "filter",
) -> tuple[Result, Chooser]:
    world, chooser = World(chains), Chooser()
    base = m.Base(kind, hook, 0, policy)  # type: ignore[arg-type]
    return traverse(world, base, m.Place(backend, "ip", "t", "base"), packet, world, chooser), chooser


def story(result: Result) -> str:
    """All hits in one line: chain, number and what the rule did; the policy has number 0."""
    return ", ".join(f"{hit.place.chain} {hit.number} {hit.verdict}" for hit in result.hits)


#: (name, chains, policy, verdict, story)
CASES: list[tuple[str, Chains, str, str, str]] = [
    ("no rules: the policy", {"base": []}, "drop", "drop", "base 0 drop"),
    ("a rule without matches", {"base": [[DROP]]}, "accept", "drop", "base 1 drop"),
    ("the first of two wins", {"base": [[ACCEPT], [DROP]]}, "drop", "accept", "base 1 accept"),
    (
        "a rule that does not match",
        {"base": [[TCP, DROP], [ICMP, ACCEPT]]},
        "drop",
        "accept",
        "base 2 accept",
    ),
    ("all matches must hold", {"base": [[ICMP, TCP, DROP]]}, "accept", "accept", "base 0 accept"),
    ("a rule without a statement counts only", {"base": [[ICMP]]}, "drop", "drop", "base 0 drop"),
    ("a log does nothing", {"base": [[LOG], [DROP]]}, "accept", "drop", "base 2 drop"),
    ("a log before a verdict", {"base": [[LOG, DROP]]}, "accept", "drop", "base 1 drop"),
    ("continue goes on", {"base": [[CONTINUE], [DROP]]}, "accept", "drop", "base 2 drop"),
    (
        "jump, and back behind it at the end",
        {"base": [[jump("a")], [DROP]], "a": [[TCP, ACCEPT]]},
        "accept",
        "drop",
        "base 1 jump a, base 2 drop",
    ),
    (
        "an accept in a user chain ends the base chain",
        {"base": [[jump("a")], [DROP]], "a": [[ACCEPT]]},
        "drop",
        "accept",
        "base 1 jump a, a 1 accept",
    ),
    (
        "return goes back behind the jump",
        {"base": [[jump("a")], [ACCEPT]], "a": [[RETURN], [DROP]]},
        "drop",
        "accept",
        "base 1 jump a, a 1 return, base 2 accept",
    ),
    (
        "return in a base chain is the policy",
        {"base": [[RETURN], [DROP]]},
        "accept",
        "accept",
        "base 1 return, base 0 accept",
    ),
    (
        "return in a base chain, policy drop",
        {"base": [[RETURN], [ACCEPT]]},
        "drop",
        "drop",
        "base 1 return, base 0 drop",
    ),
    (
        "goto from a base chain ends at the policy",
        {"base": [[goto("a")], [DROP]], "a": [[TCP, DROP]]},
        "accept",
        "accept",
        "base 1 goto a, base 0 accept",
    ),
    (
        "return from a chain that was gone to goes to the caller of the jumper",
        {"base": [[jump("a")], [ACCEPT]], "a": [[goto("b")], [DROP]], "b": [[RETURN]]},
        "drop",
        "accept",
        "base 1 jump a, a 1 goto b, b 1 return, base 2 accept",
    ),
    (
        "the end of a chain that was gone to does too",
        {"base": [[jump("a")], [ACCEPT]], "a": [[goto("b")], [DROP]], "b": []},
        "drop",
        "accept",
        "base 1 jump a, a 1 goto b, base 2 accept",
    ),
    (
        "two jumps deep and back",
        {"base": [[jump("a")], [DROP]], "a": [[jump("b")], [ACCEPT]], "b": [[RETURN]]},
        "drop",
        "accept",
        "base 1 jump a, a 1 jump b, b 1 return, a 2 accept",
    ),
    ("reject", {"base": [[m.Reject("icmp-host-prohibited")]]}, "accept", "reject", "base 1 reject"),
    (
        "queue without a listener",
        {"base": [[m.Verdict("queue")], [ACCEPT]]},
        "accept",
        "queue",
        "base 1 queue",
    ),
    (
        "queue with bypass ends the chain",
        {"base": [[m.Verdict("queue", bypass=True)], [DROP]]},
        "drop",
        "accept",
        "base 1 queue",
    ),
    ("stolen", {"base": [[m.Verdict("stolen")]]}, "accept", "drop", "base 1 stolen"),
    (
        "a mark is seen by the next rule",
        {"base": [[mark(5)], [marked(5), DROP]]},
        "accept",
        "drop",
        "base 1 mark, base 2 drop",
    ),
    ("mark and verdict in one rule", {"base": [[mark(5), ACCEPT]]}, "drop", "accept", "base 1 accept"),
    (
        "a mark of a user chain is seen behind the jump",
        {"base": [[jump("a")], [marked(1), DROP]], "a": [[mark(1)]]},
        "accept",
        "drop",
        "base 1 jump a, a 1 mark, base 2 drop",
    ),
    (
        "a mark of the connection too",
        {"base": [[mark(7, ct=True)], [marked(7, ct=True), DROP]]},
        "accept",
        "drop",
        "base 1 mark, base 2 drop",
    ),
    (
        "restored from the connection",
        {"base": [[mark(7, ct=True)], [mark(0, source="ct")], [marked(7), DROP]]},
        "accept",
        "drop",
        "base 1 mark, base 2 mark, base 3 drop",
    ),
    (
        "verdict map: the longest prefix",
        {"base": [[m.Lookup(("src",), "verdicts")]], "a": []},
        "accept",
        "drop",
        "base 1 drop",
    ),
    (
        "verdict map: nothing found goes on",
        {"base": [[m.Lookup(("dst",), "verdicts")], [DROP]]},
        "accept",
        "drop",
        "base 2 drop",
    ),
    (
        "verdict map: nothing found leaves what the rule did",
        {"base": [[mark(3), m.Lookup(("dst",), "verdicts")], [marked(3), DROP]]},
        "accept",
        "drop",
        "base 1 mark, base 2 drop",
    ),
    (
        "anonymous verdict map of states",
        {
            "base": [
                [m.Lookup(("ct_state",), elements=((("ESTABLISHED",), ACCEPT), (("NEW",), jump("a"))))],
                [DROP],
            ],
            "a": [[ACCEPT]],
        },
        "drop",
        "accept",
        "base 1 jump a, a 1 accept",
    ),
    (
        "verdict map with a return",
        {
            "base": [[jump("a")], [ACCEPT]],
            "a": [[m.Lookup(("proto",), elements=((("icmp",), RETURN),))], [DROP]],
        },
        "drop",
        "accept",
        "base 1 jump a, a 1 return, base 2 accept",
    ),
    (
        "verdict map with a default",
        {"base": [[m.Lookup(("proto",), elements=((("tcp",), ACCEPT), (("*",), DROP)))]]},
        "accept",
        "drop",
        "base 1 drop",
    ),
    (
        "a certain limit",
        {"base": [[m.Chance(certain=True), ACCEPT], [DROP]]},
        "drop",
        "accept",
        "base 1 accept",
    ),
    (
        "an undecided match does not matter if another fails",
        {"base": [[U32, TCP, DROP]]},
        "accept",
        "accept",
        "base 0 accept",
    ),
    ("an undecided log does not matter", {"base": [[LIMIT, LOG], [DROP]]}, "accept", "drop", "base 2 drop"),
    (
        "an undecided match does not matter if all ways end alike",
        {"base": [[U32, DROP], [DROP]]},
        "accept",
        "drop",
        "base 2 drop",
    ),
    (
        "an undecided target before a drop, and a drop",
        {"base": [[U32, jump("a")], [DROP]], "a": [[DROP]]},
        "accept",
        "drop",
        "base 2 drop",
    ),
]


@pytest.mark.parametrize(
    ("chains", "policy", "verdict", "told"), [pytest.param(*case[1:], id=case[0]) for case in CASES]
)
@pytest.mark.parametrize("backend", ["nft", "legacy"])
def test_a_chain(chains: Chains, policy: str, verdict: str, told: str, backend: m.Backend) -> None:
    result, chooser = run(chains, policy=policy, backend=backend)
    assert (result.verdict, story(result), chooser.asked) == (verdict, told, [])


OFTEN: list[Part] = [U32, RETURN]

#: (name, chains, the verdicts of all branches, the likely one first)
FORKS: list[tuple[str, Chains, list[str]]] = [
    ("a limit: within it first", {"base": [[LIMIT, ACCEPT], [DROP]]}, ["accept", "drop"]),
    ("a small probability: the rest first", {"base": [[SELDOM, DROP]]}, ["accept", "drop"]),
    ("an unknown match: passed by first", {"base": [[U32, DROP]]}, ["accept", "drop"]),
    (
        "an unknown target: it lets the packet on first",
        {"base": [[MODELLESS], [m.Reject()]]},
        ["reject", "drop", "accept"],
    ),
    ("a chain that is not there", {"base": [[jump("gone")], [DROP]]}, ["drop", "accept"]),
    ("a set in doubt", {"base": [[m.InSet(name="in-doubt", fields=("src",)), DROP]]}, ["accept", "drop"]),
    ("a map in doubt", {"base": [[m.Lookup(("src",), "in-doubt")]]}, ["accept", "drop"]),
    ("many unknown matches fork once", {"base": [*([OFTEN] * 40), [DROP]]}, ["drop", "accept"]),
    (
        "a map by chance",
        {
            "base": [[m.Lookup((), elements=((("0",), goto("a")), (("1",), goto("b"))), chance=True)]],
            "a": [[ACCEPT]],
            "b": [[DROP]],
        },
        ["accept", "drop"],
    ),
]


@pytest.mark.parametrize(("chains", "verdicts"), [pytest.param(*case[1:], id=case[0]) for case in FORKS])
def test_what_is_undecided_forks_once_over_what_differs(chains: Chains, verdicts: list[str]) -> None:
    result, chooser = run(chains)
    assert len(chooser.asked) == 1
    assert [option.verdict for option in chooser.options if isinstance(option, Result)] == verdicts
    assert result.verdict == verdicts[0]
    assert result.guessed


def targets_of(
    chains: Chains, packet: Seen = WEB, hook: m.Hook = "prerouting"
) -> list[tuple[str, str | None, int | None]]:
    """What the packet may be translated to: kind, address, port; kind `-` for no translation."""
    result, chooser = run(chains, packet, hook=hook, kind="nat")
    options = [option for option in chooser.options if isinstance(option, Result)] or [result]
    found: list[tuple[str, str | None, int | None]] = []
    for option in options:
        to = option.translate
        if to is None:
            found.append(("-", None, None))
        else:
            assert option.verdict == "accept"
            address = to.addresses[0] if to.addresses else None
            assert to.addresses is None or to.addresses[0] == to.addresses[1]
            found.append((to.kind, address, to.ports[0] if to.ports else None))
    return found


NAT: list[tuple[str, Chains, Seen, m.Hook, list[tuple[str, str | None, int | None]]]] = [
    (
        "one target",
        {"base": [[TCP, dnat("10.3.0.1", port=8080)], [DROP]]},
        WEB,
        "prerouting",
        [("dnat", "10.3.0.1", 8080)],
    ),
    (
        "the first rule decides",
        {"base": [[dnat("10.3.0.1")], [dnat("10.3.0.2")]]},
        WEB,
        "prerouting",
        [("dnat", "10.3.0.1", None)],
    ),
    (
        "an accept before it: no translation",
        {"base": [[ACCEPT], [dnat("10.3.0.1")]]},
        WEB,
        "prerouting",
        [("-", None, None)],
    ),
    (
        "masquerade is left to the device",
        {"base": [[m.Translate("masquerade")]]},
        WEB,
        "postrouting",
        [("masquerade", None, None)],
    ),
    (
        "redirect keeps its port",
        {"base": [[m.Translate("redirect", ports=(15001, 15001))]]},
        WEB,
        "output",
        [("redirect", None, 15001)],
    ),
    (
        "a small range forks over its addresses",
        {"base": [[dnat("10.3.0.1", "10.3.0.2")]]},
        WEB,
        "prerouting",
        [("dnat", "10.3.0.1", None), ("dnat", "10.3.0.2", None)],
    ),
    (
        "a large range: its first address",
        {"base": [[dnat("10.3.0.1", "10.3.0.200")]]},
        WEB,
        "prerouting",
        [("dnat", "10.3.0.1", None)],
    ),
    (
        "a source in the range is kept",
        {"base": [[m.Translate("snat", addresses=("10.1.0.1", "10.1.0.9"))]]},
        WEB,
        "postrouting",
        [("snat", "10.1.0.2", None)],
    ),
    (
        "netmap of the destination",
        {"base": [[m.Translate("netmap", network=("192.168.8.0", 24))]]},
        WEB,
        "prerouting",
        [("dnat", "192.168.8.2", None)],
    ),
    (
        "netmap of the source",
        {"base": [[m.Translate("netmap", network=("192.168.0.0", 16))]]},
        WEB,
        "postrouting",
        [("snat", "192.168.0.2", None)],
    ),
    (
        "kube-proxy: an endpoint by probability",
        {
            "base": [[jump("svc")]],
            "svc": [[SELDOM, jump("sep1")], [SELDOM, jump("sep2")], [jump("sep3")]],
            "sep1": [[dnat("10.3.0.1", port=80)]],
            "sep2": [[dnat("10.3.0.2", port=80)]],
            "sep3": [[dnat("10.3.0.3", port=80)]],
        },
        WEB,
        "prerouting",
        [("dnat", "10.3.0.3", 80), ("dnat", "10.3.0.2", 80), ("dnat", "10.3.0.1", 80)],
    ),
    (
        "kube-proxy on nftables: service map and endpoint map",
        {
            "base": [[m.Lookup(("dst", "proto", "dport"), "services")]],
            "svc": [[m.Lookup((), elements=((("0",), goto("ep1")), (("1",), goto("ep2"))), chance=True)]],
            "ep1": [[dnat("10.3.0.1", port=80)]],
            "ep2": [[dnat("10.3.0.2", port=80)]],
        },
        WEB,
        "prerouting",
        [("dnat", "10.3.0.1", 80), ("dnat", "10.3.0.2", 80)],
    ),
    (
        "target by map",
        {"base": [[m.TranslateByMap("dnat", ("dport",), "targets")]]},
        WEB,
        "prerouting",
        [("dnat", "10.3.0.1", 8080)],
    ),
    (
        "target by map, nothing found",
        {"base": [[m.TranslateByMap("dnat", ("dport",), "targets")], [dnat("10.3.0.9")]]},
        replace(WEB, dport=81),
        "prerouting",
        [("dnat", "10.3.0.9", None)],
    ),
    (
        "target at random",
        {
            "base": [
                [
                    m.TranslateByMap(
                        "dnat",
                        (),
                        elements=((("0",), ("10.3.0.1", None)), (("1",), ("10.3.0.2", None))),
                        numgen=True,
                    )
                ]
            ]
        },
        WEB,
        "prerouting",
        [("dnat", "10.3.0.1", None), ("dnat", "10.3.0.2", None)],
    ),
]


@pytest.mark.parametrize(
    ("chains", "packet", "hook", "expected"), [pytest.param(*case[1:], id=case[0]) for case in NAT]
)
def test_what_nat_makes_of_it(
    chains: Chains, packet: Seen, hook: m.Hook, expected: list[tuple[str, str | None, int | None]]
) -> None:
    assert targets_of(chains, packet, hook) == expected


#: (name, mark before, ct mark before, statement, mark after, ct mark after)
MARKS: list[tuple[str, int, int, m.SetMark, int, int]] = [
    ("set-mark 5", 0xFF, 0, mark(5), 5, 0),
    ("set-xmark 0x4000/0x4000 keeps the rest", 0x8001, 0, mark(0x4000, 0x4000), 0xC001, 0),
    ("and-mark 0xf0", 0xFF, 0, mark(0, 0xFFFFFF0F), 0xF0, 0),
    ("xor-mark 0x0f", 0xFF, 0, mark(0x0F, 0), 0xF0, 0),
    ("or-mark 0x10", 0x01, 0, mark(0x10, 0x10), 0x11, 0),
    ("connmark set", 1, 2, mark(9, ct=True), 1, 9),
    ("save-mark", 7, 0, mark(0, source="mark", ct=True), 7, 7),
    (
        "save-mark under a mask",
        0x72,
        0x100,
        mark(0, 0xF0, source="mark", ct=True, source_mask=0xF0),
        0x72,
        0x170,
    ),
    ("restore-mark", 1, 9, mark(0, source="ct"), 9, 9),
    ("restore-mark under a mask", 0x101, 0x99, mark(0, 0xF0, source="ct", source_mask=0xF0), 0x191, 0x99),
]


@pytest.mark.parametrize(
    ("before", "ct_before", "statement", "after", "ct_after"), [pytest.param(*c[1:], id=c[0]) for c in MARKS]
)
def test_marks(before: int, ct_before: int, statement: m.SetMark, after: int, ct_after: int) -> None:
    result, _ = run({"base": [[statement]]}, replace(PING, mark=before, ct_mark=ct_before))
    assert (result.seen.mark, result.seen.ct_mark) == (after, ct_after)
    assert result.ct_mark == (ct_after if statement.ct else None)


def test_the_mark_of_a_connection_that_is_not_there_stays() -> None:
    result, _ = run(
        {"base": [[mark(9, ct=True)], [mark(0, source="ct")]]}, replace(PING, ct_state="INVALID", mark=3)
    )
    assert (result.seen.mark, result.ct_mark, story(result)) == (3, None, "base 0 accept")


@pytest.mark.parametrize(
    ("how", "value", "after"),
    [("set", 1, 1), ("inc", 1, 65), ("dec", 4, 60), ("dec", 100, 0), ("inc", 250, 255)],
)
def test_ttl(how: str, value: int, after: int) -> None:
    result, _ = run({"base": [[m.SetTtl(how, value)]]})  # type: ignore[arg-type]
    assert result.seen.ttl == after


def test_notrack_before_conntrack_is_seen_by_the_next_rule() -> None:
    chains: Chains = {"base": [[m.NoTrack()], [m.State(states=("UNTRACKED",)), DROP]]}
    result, _ = run(chains, replace(PING, ct_state="INVALID"), hook="prerouting")
    assert (result.verdict, result.notrack) == ("drop", True)


def test_notrack_behind_conntrack_does_nothing() -> None:
    result, _ = run({"base": [[m.NoTrack()]]}, PING)
    assert (result.notrack, result.seen.ct_state) == (False, "NEW")


def test_a_zone_is_handed_on() -> None:
    result, _ = run({"base": [[m.NoTrack(zone=4)]]}, replace(PING, ct_state="INVALID"), hook="prerouting")
    assert (result.zone, result.notrack) == (4, False)


def test_reject_says_with_what() -> None:
    result, _ = run({"base": [[m.Reject("tcp-reset")]]})
    assert result.reject == "tcp-reset"


def nested(depth: int) -> Chains:
    chains: Chains = {f"c{n}": [[jump(f"c{n + 1}")]] for n in range(1, depth)}
    return {"base": [[jump("c1")]], **chains, f"c{depth}": [[ACCEPT]]}


def test_nftables_jumps_16_deep_and_drops_at_17() -> None:
    assert run(nested(16), policy="drop")[0].verdict == "accept"
    assert run(nested(17), policy="accept")[0].verdict == "drop"


def test_legacy_tables_jump_deeper() -> None:
    assert run(nested(60), policy="drop", backend="legacy")[0].verdict == "accept"


def test_a_loop_ends() -> None:
    """No kernel takes one (ELOOP), so nothing is known of what it would do."""
    _, chooser = run({"base": [[jump("a")]], "a": [[goto("b")]], "b": [[goto("a")]]})
    assert {option.verdict for option in chooser.options if isinstance(option, Result)} == {"accept", "drop"}


def test_a_hundred_endpoints_are_a_hundred_branches() -> None:
    rules: list[list[Part]] = [[SELDOM, jump(f"sep{n}")] for n in range(99)]
    chains: Chains = {"base": [*rules, [jump("sep99")]]}
    chains.update({f"sep{n}": [[dnat(f"10.3.1.{n}")]] for n in range(100)})
    assert len({address for _, address, _ in targets_of(chains)}) == 100


def test_ten_thousand_rules_are_walked_in_a_moment() -> None:
    far: list[list[Part]] = [
        [m.Address(side="dst", ranges=((n, n),)), TCP, m.Port(ranges=((80, 80),)), DROP]
        for n in range(10_000)
    ]
    assert run({"base": [*far, [ACCEPT]]}, WEB, policy="drop")[0].hits[-1].number == 10_001


@pytest.mark.parametrize(
    ("statement", "after"),
    [(m.SetTos(0x10, 0xFF), 0x10), (m.SetTos(4 << 2, 0xFC), 0x13), (m.SetTos(0x08, 0), 0xBB)],
)
def test_tos(statement: m.SetTos, after: int) -> None:
    result, _ = run({"base": [[statement]]}, replace(PING, tos=0xB3))
    assert result.seen.tos == after


LATER: list[Part] = [mark(1), m.Demand((m.Protocol(numbers=(6,)),)), DROP]
UNSURE: list[Part] = [mark(1), m.Demand((U32,)), DROP]


def test_a_condition_behind_a_change_is_asked_when_the_change_is_done() -> None:
    assert (run({"base": [LATER]}, WEB)[0].verdict, run({"base": [LATER]}, PING)[0].verdict) == (
        "drop",
        "accept",
    )
    assert run({"base": [LATER]}, PING)[0].seen.mark == 1
    chains: Chains = {"base": [[marked(0), mark(1), m.Demand((marked(1),)), DROP]]}
    assert run(chains)[0].verdict == "drop"


def test_a_condition_behind_a_change_may_be_undecided() -> None:
    _, chooser = run({"base": [UNSURE]})
    assert [option.verdict for option in chooser.options if isinstance(option, Result)] == ["accept", "drop"]


@pytest.mark.parametrize("backend", ["nft", "legacy"])
def test_more_jumps_than_are_followed_are_no_drop(backend: m.Backend) -> None:
    """Chains that each jump to the next one twice: the kernel comes to the end of them, and takes the policy."""
    deep = 14
    chains: Chains = {"base": [[jump("c0")]]}
    chains |= {f"c{n}": [[jump(f"c{n + 1}")], [jump(f"c{n + 1}")]] for n in range(deep)}
    chains[f"c{deep}"] = [[TCP, DROP]]
    _, chooser = run(chains, backend=backend)
    assert {option.verdict for option in chooser.options if isinstance(option, Result)} == {"accept", "drop"}
    shallow: Chains = {**chains, "c5": [[TCP, DROP]]}
    result, chooser = run(shallow, backend=backend)
    assert (result.verdict, chooser.asked) == ("accept", [])
