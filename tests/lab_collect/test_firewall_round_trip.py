"""Random rules go through the kernel and come back with the meaning they were written with, in three dialects."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from netdoctor.collect.firewall.tools import PATH
from netdoctor.collect.live import LiveHost
from netdoctor.facts.firewall import FirewallText
from netdoctor.kernel.netfilter import model as m
from netdoctor.kernel.netfilter.ruleset import Ruleset

from .conftest import Bench, opened

RULES = 150
SEEDS = (1, 2, 3)


class Piece(NamedTuple):
    """A condition or an action: for iptables, for nft, and what it means."""

    xt: str
    nft: str
    means: tuple[m.Match | m.Statement, ...]


def sign(rng: random.Random) -> tuple[bool, str, str]:
    negated = rng.random() < 0.4
    return negated, "! " if negated else "", "!= " if negated else ""


def address(rng: random.Random) -> Piece:
    negated, xt, nft = sign(rng)
    side = rng.choice(("src", "dst"))
    network = ip_network((rng.getrandbits(32), rng.choice((8, 16, 20, 24, 31, 32))), strict=False)
    text = str(network).removesuffix("/32")
    bounds = (int(network[0]), int(network[-1]))
    return Piece(
        f"{xt}-{side[0]} {text}",
        f"ip {side[0]}addr {nft}{text}",
        (m.Address(negated, side, (bounds,)),),  # type: ignore[arg-type]
    )


def address_range(rng: random.Random) -> Piece:
    negated, xt, nft = sign(rng)
    first = rng.getrandbits(31) | 1
    last = first + rng.randrange(1, 500)
    text = "-".join(str(ip_network(end)[0]) for end in (first, last))
    return Piece(
        f"-m iprange {xt}--src-range {text}",
        f"ip saddr {nft}{text}",
        (m.Address(negated, "src", ((first, last),)),),
    )


def device(rng: random.Random) -> Piece:
    negated, xt, nft = sign(rng)
    which = rng.choice(("in", "out"))
    name = rng.choice(("eth0", "br-12", "v"))
    wildcard = rng.random() < 0.5
    return Piece(
        f"{xt}-{which[0]} {name}{'+' * wildcard}",
        f'{which[0]}ifname {nft}"{name}{"*" * wildcard}"',
        (m.Interface(negated, which, (name,), wildcard),),  # type: ignore[arg-type]
    )


def protocol(rng: random.Random) -> Piece:
    kind, number = rng.choice((("tcp", 6), ("udp", 17)))
    what = rng.choice(("plain", "port", "ports", "flags"))
    means: list[m.Match] = [m.Protocol(numbers=(number,))]
    xt, nft = f"-p {kind}", f"meta l4proto {kind}"
    negated, xt_sign, nft_sign = sign(rng)
    side = rng.choice(("src", "dst"))
    first = rng.randrange(1, 60000)
    if what == "port":
        last = first + rng.choice((0, 0, 7))
        span = (f"{first}:{last}", f"{first}-{last}") if last != first else (str(first), str(first))
        xt += f" {xt_sign}--{side[0]}port {span[0]}"
        nft = f"{kind} {side[0]}port {nft_sign}{span[1]}"
        means.append(m.Port(negated, side, ((first, last),)))  # type: ignore[arg-type]
    elif what == "ports":
        xt += f" -m multiport {xt_sign}--{side[0]}ports {first},{first + 5}:{first + 9}"
        nft = f"{kind} {side[0]}port {nft_sign}{{ {first}, {first + 5}-{first + 9} }}"
        means.append(m.Port(negated, side, ((first, first), (first + 5, first + 9))))  # type: ignore[arg-type]
    elif what == "flags" and kind == "tcp":
        xt += f" {xt_sign}--tcp-flags SYN,RST,ACK SYN"
        nft = f"tcp flags & (syn|rst|ack) {'!=' if negated else '=='} syn"
        means.append(m.TcpFlags(negated, 22, 2))
    return Piece(xt, nft, tuple(means))


def icmp(rng: random.Random) -> Piece:
    negated, xt, nft = sign(rng)
    kind = rng.choice((0, 3, 8, 11))
    means = (m.Protocol(numbers=(1,)), m.IcmpType(negated, kind))
    return Piece(f"-p icmp {xt}--icmp-type {kind}", f"icmp type {nft}{kind}", means)


def state(rng: random.Random) -> Piece:
    states = tuple(
        sorted(rng.sample(("NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED"), rng.randrange(1, 4)))
    )
    names = ",".join(states)
    return Piece(f"-m conntrack --ctstate {names}", f"ct state {names.lower()}", (m.State(states=states),))


def mark(rng: random.Random) -> Piece:
    negated, xt, _ = sign(rng)
    ct = rng.random() < 0.3
    mask = rng.choice((0xFF, 0xF000, 0xFFFFFFFF))
    value = rng.getrandbits(32) & mask
    masked = (
        f" & {mask:#x} {'!=' if negated else '=='} " if mask != 0xFFFFFFFF else " != " if negated else " "
    )
    return Piece(
        f"-m {'connmark' if ct else 'mark'} {xt}--mark {value:#x}/{mask:#x}",
        f"{'ct' if ct else 'meta'} mark{masked}{value:#x}",
        (m.Mark(negated, value, mask, ct),),
    )


def small(rng: random.Random) -> Piece:
    negated, xt, nft = sign(rng)
    return rng.choice(
        (
            Piece(
                f"-m length {xt}--length 84:120",
                f"meta length {nft}84-120",
                (m.Range(negated, "length", 84, 120),),
            ),
            Piece(f"-m ttl {xt}--ttl-eq 63", f"ip ttl {nft}63", (m.Range(negated, "ttl", 63, 63),)),
            Piece(f"-m dscp {xt}--dscp 8", f"ip dscp {nft}8", (m.Range(negated, "dscp", 8, 8),)),
            Piece(
                f"-m mac {xt}--mac-source 02:00:00:00:00:0a",
                f"ether saddr {nft}02:00:00:00:00:0a",
                (m.Mac(negated, "02:00:00:00:00:0a"),),
            ),
            Piece(
                f"-m pkttype {xt}--pkt-type broadcast",
                f"meta pkttype {nft}broadcast",
                (m.PacketType(negated, "broadcast"),),
            ),
            Piece(
                f"-m addrtype {xt}--dst-type LOCAL",
                f"fib daddr type {nft}local",
                (m.AddressType(negated, "dst", ("LOCAL",)),),
            ),
            Piece("-m limit --limit 5/minute", "limit rate 5/minute", (m.Chance(),)),
        )
    )


def action(rng: random.Random) -> Piece:
    value, mask = rng.getrandbits(16), rng.choice((0xFF, 0xFFFF))
    value &= mask
    return rng.choice(
        (
            Piece("-j DROP", "drop", (m.Verdict("drop"),)),
            Piece("-j ACCEPT", "accept", (m.Verdict("accept"),)),
            Piece("-j RETURN", "return", (m.Verdict("return"),)),
            Piece("-j USER", "jump USER", (m.Verdict("jump", "USER"),)),
            Piece("-g USER", "goto USER", (m.Verdict("goto", "USER"),)),
            Piece(
                "-j REJECT --reject-with icmp-host-prohibited",
                "reject with icmp type host-prohibited",
                (m.Reject("icmp-host-prohibited"),),
            ),
            Piece(
                f"-j MARK --set-xmark {value:#x}/{mask:#x}",
                f"meta mark set meta mark & {0xFFFFFFFF ^ mask:#x} ^ {value:#x}",
                (m.SetMark(value, mask),),
            ),
            Piece(
                "-j CONNMARK --save-mark --nfmask 0xff --ctmask 0xffffffff",
                "ct mark set meta mark & 0xff",
                (m.SetMark(0, 0xFFFFFFFF, True, "mark", 0xFF),),
            ),
        )
    )


CONDITIONS: tuple[Callable[[random.Random], Piece], ...] = (
    address,
    address_range,
    device,
    state,
    mark,
    small,
)


def random_rule(rng: random.Random) -> list[Piece]:
    transport = rng.choice((protocol, protocol, icmp, None))
    # reject and marks after a condition on the protocol alone; the order is that in which iptables prints
    pieces = [make(rng) for make in rng.sample(CONDITIONS, rng.randrange(0, 4))]
    if transport is not None:
        pieces.insert(0, transport(rng))
    return [*pieces, action(rng)]


def meaning(
    matches: tuple[m.Match, ...], statements: tuple[m.Statement, ...]
) -> tuple[frozenset[m.Match], object]:
    plain = (
        m.Chance(match.negated, match.likely) if isinstance(match, m.Chance)
        else replace(match, text="") if isinstance(match, m.Address)
        else replace(match, states=tuple(sorted(match.states))) if isinstance(match, m.State)
        else match
        for match in matches
    )  # fmt: skip
    return frozenset(plain), tuple(made for made in statements if not isinstance(made, m.Pass))


def expected(pieces: list[Piece]) -> tuple[frozenset[m.Match], object]:
    parts = [part for piece in pieces for part in piece.means]
    matches = tuple(part for part in parts if isinstance(part, m.Match))
    return meaning(matches, tuple(part for part in parts if isinstance(part, m.Statement)))


def check(found: tuple[FirewallText, ...], backend: m.Backend, rules: list[list[Piece]], chain: str) -> None:
    ruleset = Ruleset(text for text in found if text.backend == backend)
    assert ruleset.unread == ()
    [(_, place)] = [entry for entry in ruleset.base_chains("forward", ("ip",)) if entry[1].chain == chain]
    parsed = ruleset.rules(place)
    assert len(parsed) == len(rules)
    for rule, pieces in zip(parsed, rules, strict=True):
        assert meaning(rule.matches, rule.statements) == expected(pieces), rule.text


def load(bench: Bench, full: str, folder: Path, tool: str, text: str) -> None:
    script = folder / tool
    script.write_text(text)
    bench.inside(full, tool, *(("-f",) if tool == "nft" else ()), str(script))


@pytest.fixture
def full(bench: Bench) -> str:
    for tool in ("iptables-legacy-restore", "iptables-nft-restore", "nft"):
        if shutil.which(tool, path=PATH) is None:
            pytest.skip(f"needs {tool}")
    return bench.add("trip")


@pytest.mark.parametrize("seed", SEEDS)
def test_iptables(bench: Bench, full: str, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    rules = [random_rule(rng) for _ in range(RULES)]
    lines = "\n".join(f"-A FORWARD {' '.join(piece.xt for piece in pieces)}" for pieces in rules)
    text = f"*mangle\n:FORWARD ACCEPT [0:0]\n:USER - [0:0]\n{lines}\nCOMMIT\n"
    text = text.replace("-j REJECT --reject-with icmp-host-prohibited", "-j DROP")  # not in this table
    rules = [[_no_reject(piece) for piece in pieces] for pieces in rules]
    for tool in ("iptables-legacy-restore", "iptables-nft-restore"):
        load(bench, full, tmp_path, tool, text)
    with LiveHost() as host:
        found = opened(host, bench, full).firewall()
    check(found, "legacy", rules, "FORWARD")
    check(found, "nft", rules, "FORWARD")


def _no_reject(piece: Piece) -> Piece:
    return piece._replace(means=(m.Verdict("drop"),)) if "-j REJECT" in piece.xt else piece


@pytest.mark.parametrize("seed", SEEDS)
def test_nft(bench: Bench, full: str, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    rules = [random_rule(rng) for _ in range(RULES)]
    lines = "\n".join(f"    {' '.join(piece.nft for piece in pieces)}" for pieces in rules)
    text = (
        "table ip t {\n  chain USER {\n  }\n"
        f"  chain f {{\n    type filter hook forward priority -5;\n{lines}\n  }}\n}}\n"
    )
    load(bench, full, tmp_path, "nft", text)
    with LiveHost() as host:
        found = opened(host, bench, full).firewall()
    check(found, "nft", rules, "f")
    printed = bench.inside(full, "nft", "-s", "list", "ruleset")
    ruleset = Ruleset(found)
    for rule in ruleset.rules(m.Place("nft", "ip", "t", "f")):
        assert f"\t\t{rule.text}\n" in printed
