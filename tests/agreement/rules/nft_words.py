"""Conditions, statements and verdicts in nft's words, each where the kernel accepts it."""

from __future__ import annotations

from dataclasses import dataclass

from tests.agreement.rules import nft_more
from tests.agreement.rules.pool import Pool

STATES = (
    "new",
    "established",
    "related",
    "invalid",
    "untracked",
    "{ new, established }",
    "established,related",
)

ICMP = (
    "echo-request",
    "echo-reply",
    "{ echo-request, echo-reply }",
    "{ destination-unreachable, time-exceeded }",
)
TYPES = ("local", "local", "unicast", "broadcast", "{ local, broadcast }")


@dataclass(frozen=True)
class Corner:
    """A table: its family and its sets."""

    family: str
    sets: tuple[str, ...]
    definitions: list[str]

    @property
    def routed(self) -> bool:
        """Connection tracking, routes and sockets may be asked for."""
        return self.family in ("inet", "ip")


def no(pool: Pool) -> str:
    """A negation, at times."""
    return "!= " if pool.chance(0.2) else ""


def condition(pool: Pool, corner: Corner, hook: str) -> tuple[str, str]:
    """One condition: its kind and its words."""
    if corner.family == "arp":
        return _arp(pool, hook)
    if pool.chance(0.01):
        return "undecided", nft_more.undecided(pool)
    if pool.chance(0.12):
        return nft_more.condition(pool, hook, corner.routed)
    options = _everywhere(pool, corner, hook)
    if corner.routed:
        options += _routed(pool, hook)
    elif corner.family == "bridge":
        options += [
            ("type", f"ether type {no(pool)}{pool.pick('ip', 'arp', '{ ip, arp }')}"),
            ("arp", f"arp operation {pool.pick('request', 'reply')}"),
            ("arp", f"arp daddr ip {pool.address()}"),
        ]
    kind, text = pool.rng.choice(options)
    return kind, text


def _arp(pool: Pool, hook: str) -> tuple[str, str]:
    device = ("dev", f"{'iifname' if hook == 'input' else 'oifname'} {no(pool)}{_device(pool)}")
    return pool.rng.choice(
        [
            ("op", f"arp operation {no(pool)}{pool.pick('request', 'reply')}"),
            ("s", f"arp saddr ip {no(pool)}{pool.address()}"),
            ("d", f"arp daddr ip {pool.address()}"),
            ("m", f"arp saddr ether {pool.lladdr()}"),
            device,
        ]
    )


def _device(pool: Pool, *, set_: bool = True) -> str:
    name = pool.device()
    if set_ and pool.chance(0.15):
        return f'{{ "{name}", "nosuch0" }}'
    return f'"{pool.prefix_of(name)}*"' if pool.chance(0.25) else f'"{name}"'


def _addresses(pool: Pool) -> str:
    first, last = pool.span()
    return pool.pick(
        pool.address(),
        pool.address(),
        pool.address(),
        f"{first}-{last}",
        f"{{ {pool.host()}, 203.0.113.0/24 }}",
        f"{{ {first}-{last}, 203.0.113.9 }}",
    )


def _everywhere(pool: Pool, corner: Corner, hook: str) -> list[tuple[str, str]]:
    low, high = pool.size()
    low, high = max(low, 0), min(max(high, 0), 65535)
    mark = pool.mark()
    options = [
        ("src", f"ip saddr {no(pool)}{_addresses(pool)}"),
        ("dst", f"ip daddr {no(pool)}{_addresses(pool)}"),
        ("src", f"ip saddr {no(pool)}{_addresses(pool)}"),
        ("dst", f"ip daddr {no(pool)}{_addresses(pool)}"),
        (
            "icmp",
            f"icmp type {no(pool)}{pool.pick(*ICMP)}",
        ),
        ("icmp", f"icmp code {pool.pick('0', '1')}"),
        ("proto", f"meta l4proto {no(pool)}{pool.pick('icmp', 'icmp', 'tcp', '{ icmp, udp }')}"),
        ("proto", f"ip protocol {no(pool)}{pool.pick('icmp', 'udp')}"),
        (
            "proto",
            pool.pick("tcp dport 80", "udp dport { 53, 67 }", "th dport 443", "tcp flags syn / syn,ack"),
        ),
        (
            "length",
            f"{pool.pick('ip', 'ip', 'meta')} length {no(pool)}{low}-{high}"
            if low < high
            else f"ip length {no(pool)}{low}",
        ),
        ("ttl", f"ip ttl {pool.pick('', '!= ', '< ', '> ', '<= ', '>= ')}{pool.ttl()}"),
        ("mark", f"meta mark {no(pool)}{mark:#x}"),
        ("mark", f"meta mark & {mark:#x} {pool.pick('==', '!=')} {mark:#x}"),
        ("frag", f"ip frag-off & 0x1fff {pool.pick('!=', '==')} 0"),
        (
            "pair",
            f"ip saddr . ip daddr {no(pool)}{{ {pool.src} . {pool.dst}, {pool.host()} . {pool.host()} }}",
        ),
        (
            "family",
            pool.pick("meta protocol ip", "meta protocol arp" if not corner.routed else "meta protocol ip"),
        ),
        ("dscp", f"ip dscp {no(pool)}{pool.pick('cs0', 'ef')}"),
        *([("limit", "limit rate 100/second burst 100 packets")] if pool.chance(0.15) else []),
        ("pkt", f"meta pkttype {no(pool)}{pool.pick('unicast', 'broadcast', 'multicast')}"),
    ]
    incoming = hook in ("prerouting", "input", "forward", "ingress", "")
    if incoming:
        options += [("in", f"iifname {no(pool)}{_device(pool)}")] * 2
        options.append(("inpair", f'iifname . ip saddr {{ "{pool.device()}" . {pool.host()} }}'))
        if hook:
            options.append(("mac", f"ether saddr {no(pool)}{pool.lladdr()}"))
    if hook in ("forward", "output", "postrouting", "egress", ""):
        options += [("out", f"oifname {no(pool)}{_device(pool)}")] * 2
    if pool.proto != "icmp":
        options = [each for each in options if each[0] != "icmp"]
        ports = pool.pick(pool.ports_of("-"), pool.ports_of("-"), f"{{ {pool.question.port}, 22 }}")
        options += [
            (
                "proto",
                f"{pool.pick(pool.proto, pool.proto, 'th')} {pool.pick('dport', 'dport', 'sport')} {no(pool)}{ports}",
            )
        ] * 3
        options.append(("proto", f"meta l4proto {no(pool)}{pool.proto}"))
        if pool.proto == "tcp":
            options.append(
                (
                    "proto",
                    f"tcp flags {pool.pick('syn / syn,ack', '& (syn | ack) == syn | ack', '& rst == 0')}",
                )
            )
    return (
        options
        + [("set", text) for text in (_in_set(pool, name, incoming) for name in corner.sets) if text] * 3
    )


def _in_set(pool: Pool, name: str, incoming: bool) -> str:
    side = pool.pick("saddr", "daddr")
    what = {
        "hosts": f"ip {side}",
        "nets": f"ip {side}",
        "timed": f"ip {side}",
        "pairs": "ip saddr . ip daddr",
        "ports": f"ip {side} . ip protocol",
        "names": "iifname" if incoming else "oifname",
        "marks": "meta mark",
        "filled": f"ip {side}",
    }[name]
    return f"{what} {no(pool)}@{name}"


def _routed(pool: Pool, hook: str) -> list[tuple[str, str]]:
    options = [
        ("state", f"ct state {no(pool)}{pool.pick(*STATES)}"),
        ("state", f"ct state {pool.pick(*STATES)}"),
        ("status", f"ct status {pool.pick('dnat', 'snat', 'confirmed', 'seen-reply', 'assured')}"),
        ("dir", f"ct direction {pool.pick('original', 'reply')}"),
        ("orig", f"ct {pool.pick('original', 'reply')} ip {pool.pick('saddr', 'daddr')} {pool.address()}"),
        ("ctmark", f"ct mark {no(pool)}{pool.mark():#x}"),
    ]
    fib = {
        "prerouting": ("saddr . iif", "daddr", "daddr . iif"),
        "input": ("saddr . iif", "daddr . iif", "daddr"),
        "forward": ("daddr", "saddr"),
        "output": ("daddr", "saddr"),
        "postrouting": ("daddr",),
    }.get(hook, ())
    for keys in fib:
        options.append(
            (
                "fibtype",
                f"fib {keys} type {no(pool)}{pool.pick(*TYPES)}",
            )
        )
    if hook in ("prerouting", "input"):
        options.append(
            (
                "fiboif",
                f"fib saddr . {pool.pick('iif', 'iif', 'mark . iif')} oif {pool.pick('missing', 'exists')}",
            )
        )
    if hook in ("output", "postrouting"):
        options.append(("uid", f"meta skuid {no(pool)}{pool.pick('0', '1000')}"))
    return options


def verdict(pool: Pool, corner: Corner, hook: str, users: tuple[str, ...]) -> tuple[str, bool]:
    """The end of a rule, and whether it ends packets."""
    if users and pool.chance(0.25):
        return f"{pool.pick('jump', 'jump', 'goto')} {pool.rng.choice(users)}", False
    if users and pool.chance(0.08):
        target = pool.rng.choice(users)
        return pool.pick(
            f"ip saddr vmap {{ {pool.host()} : jump {target}, 203.0.113.0/24 : drop }}",
            f"ip daddr vmap {{ {pool.around(pool.dst)} : goto {target} }}",
            f"meta l4proto vmap {{ icmp : jump {target}, tcp : drop }}",
        ), False
    if corner.family not in ("arp",) and pool.chance(0.04):
        return pool.pick(
            f"ip saddr vmap {{ {pool.host()} : accept, 203.0.112.0/23 : drop }}",
            "meta l4proto vmap { icmp : continue, udp : drop }",
        ), False
    if corner.family != "arp" and hook not in ("egress",) and pool.chance(0.14):
        return _statement(pool, corner, hook), False
    draw = pool.rng.random()
    if draw < 0.5:
        return "accept", False
    if draw < 0.6:
        return pool.pick("", "continue", "return"), False
    if corner.routed and hook in ("input", "forward", "output") and draw < 0.75:
        return "reject" + pool.pick(
            "", "", " with icmp host-prohibited", " with icmp admin-prohibited", " with icmp net-unreachable"
        ), True
    return "drop", True


def _statement(pool: Pool, corner: Corner, hook: str) -> str:
    if pool.chance(0.25) and hook:
        return nft_more.statement(pool, corner.sets, hook, corner.routed)
    mark = pool.mark()
    options = [
        f"meta mark set {mark:#x}",
        f"meta mark set meta mark | {mark:#x}",
        f"meta mark set meta mark & {mark:#x}",
        f"ip ttl set {pool.pick('1', '5', '64')}",
    ]
    if corner.routed:
        options += [
            f"ct mark set {mark:#x}",
            "ct mark set meta mark",
            "meta mark set ct mark",
            f"meta mark set {mark:#x} ct mark set meta mark",
            "notrack",
        ]
    return pool.rng.choice(options)


def nat_rule(pool: Pool, corner: Corner, hook: str) -> str:
    """A NAT statement that this hook takes."""
    if pool.chance(0.25):
        return nft_more.nat(pool, corner.family, hook)
    family = "ip " if corner.family == "inet" else ""
    some = pool.rng.choice(pool.draft.endpoints).address
    if hook in ("prerouting", "output"):
        return pool.pick(
            f"dnat {family}to {some}",
            f"dnat {family}to {pool.dst}",
            f"dnat {family}to {some}",
            "redirect",
            "accept",
            f"dnat {family}to ip daddr map {{ {pool.dst} : {some} }}",
            f"dnat {family}to ip saddr map {{ {pool.src} : {pool.dst} }}",
        )
    snat = f"snat {family}to {pool.local() if pool.chance(0.8) else pool.host()}"
    return (
        pool.pick("masquerade", "masquerade", snat, "accept")
        if hook == "postrouting"
        else pool.pick(snat, "accept")
    )
