"""Random tables in nftables' own language: inet, ip, bridge, netdev and arp."""

from __future__ import annotations

from tests.agreement.rules import nft_more
from tests.agreement.rules.nft_words import Corner, condition, nat_rule, verdict
from tests.agreement.rules.pool import Pool

HOOKS = ("prerouting", "input", "forward", "output", "postrouting")
PRIORITIES = (-400, -300, -250, -201, -199, -150, -101, -99, -10, 0, 0, 0, 1, 10, 50, 99, 101, 150, 300)
USER = ("one", "two", "three")
#: Kinds of conditions that exclude each other: nft refuses what can never be.
PROTOCOL = {"icmp": "proto"}
ARP = ("arp ", "ether type", "meta protocol")
OF_IP = ("ip ", "icmp ", "tcp ", "udp ", "th ", "meta l4proto", "iifname . ip")


def random_ruleset(pool: Pool) -> str:
    """One to three tables."""
    families = ["inet" if pool.chance(0.65) else "ip"]
    families += [
        family
        for family, chance in (("bridge", 0.25), ("netdev", 0.12), ("arp", 0.1), ("ip", 0.2))
        if pool.chance(chance)
    ]
    return "\n".join(_table(pool, family, f"t{number}") for number, family in enumerate(families))


def _table(pool: Pool, family: str, name: str) -> str:
    corner = Corner(family, *_sets(pool, family))
    users = USER[: pool.rng.choice((0, 0, 1, 2, 3))] if family in ("inet", "ip", "bridge") else ()
    lines = [f"table {family} {name} {{", *corner.definitions]
    for index, user in reversed(list(enumerate(users))):
        lines += _chain(
            user,
            [
                _rule(pool, corner, "", "filter", users[index + 1 :])
                for _ in range(pool.rng.choice((0, 1, 2, 3)))
            ],
        )
    for serial in range(pool.rng.choice((1, 1, 2, 3, 4))):
        lines += _base(pool, corner, serial, users)
    return "\n".join([*lines, "}", ""])


def _chain(name: str, rules: list[str], head: str = "") -> list[str]:
    return [
        f"  chain {name} {{",
        *([f"    {head}"] if head else []),
        *(f"    {rule}" for rule in rules),
        "  }",
    ]


def _base(pool: Pool, corner: Corner, serial: int, users: tuple[str, ...]) -> list[str]:
    family = corner.family
    if family in ("inet", "ip") and pool.chance(0.2):
        return _nat(pool, corner, serial)
    hook, where = pool.pick("forward", "forward", "forward", *HOOKS), ""
    kind = "filter"
    if family == "netdev" or (family == "inet" and pool.chance(0.04)):
        hook = pool.pick("ingress", "ingress", "egress") if family == "netdev" else "ingress"
        where = f' device "{pool.device()}"'
    elif family == "arp":
        hook = pool.pick("input", "output")
    elif family in ("inet", "ip") and hook == "output" and pool.chance(0.3):
        kind = "route"
    strict = pool.chance(0.12)
    count = pool.rng.choice((1, 2, 2, 3, 4))
    rules = [_rule(pool, corner, hook, kind, users) for _ in range(count)]
    if strict and pool.chance(0.85):
        rules += _ways_through(pool, family)
    policy = "drop" if strict else "accept"
    head = f"type {kind} hook {hook}{where} priority {pool.rng.choice(PRIORITIES)}; policy {policy};"
    return _chain(f"b{serial}", rules, head)


def _ways_through(pool: Pool, family: str) -> list[str]:
    if family == "arp":
        return ["arp operation request accept", "arp operation reply accept"]
    if family in ("bridge", "netdev"):
        return [
            f"ether type {pool.pick('arp', '{ arp, ip }')} accept",
            f"ip daddr {pool.around(pool.dst)} accept",
            f"meta l4proto {pool.proto} accept",
        ]
    states = pool.pick("established,related", "{ established, related, untracked }", "established", "vmap")
    state = (
        "ct state vmap { established : accept, related : accept, invalid : drop }"
        if states == "vmap"
        else f"ct state {states} accept"
    )
    proto = (
        "icmp type echo-request accept"
        if pool.proto == "icmp"
        else f"{pool.proto} dport {pool.question.port} accept"
    )
    return [
        state,
        pool.pick(proto, f"meta l4proto {pool.proto} accept", f"ip daddr {pool.around(pool.dst)} accept"),
    ]


def _nat(pool: Pool, corner: Corner, serial: int) -> list[str]:
    hook = pool.pick("prerouting", "postrouting", "postrouting", "output", "input")
    priority = {"prerouting": -100, "output": -100, "input": 100, "postrouting": 100}[hook] + pool.rng.choice(
        (0, 0, 0, 5, -5, 10)
    )
    rules = [
        " ".join([*_conditions(pool, corner, hook, (0, 1, 1, 2)), nat_rule(pool, corner, hook)])
        for _ in range(pool.rng.choice((1, 1, 2)))
    ]
    return _chain(f"n{serial}", rules, f"type nat hook {hook} priority {priority}; policy accept;")


def _rule(pool: Pool, corner: Corner, hook: str, kind: str, users: tuple[str, ...]) -> str:
    end, harmful = verdict(pool, corner, hook, users)
    words = _conditions(pool, corner, hook, (1, 2, 2, 3) if harmful else (0, 1, 1, 2))
    if end.startswith((*OF_IP, "meta l4proto")):
        words = [text for text in words if not text.startswith((*ARP, *OF_IP[1:]))]
    if pool.chance(0.4):
        words.append("counter")
    if pool.chance(0.08):
        words.append(pool.pick('log prefix "x "', "log"))
    words.append(end)
    if pool.chance(0.1):
        words.append('comment "a comment; drop"')
    return " ".join(filter(None, words)) or "counter"


def _conditions(pool: Pool, corner: Corner, hook: str, counts: tuple[int, ...]) -> list[str]:
    words: dict[str, str] = {}
    for _ in range(pool.rng.choice(counts)):
        kind, text = condition(pool, corner, hook)
        words.setdefault(PROTOCOL.get(kind, kind), text)
    texts = list(words.values())
    arp = [text for text in texts if text.startswith(ARP)]
    return [text for text in texts if text in arp[:1] or not text.startswith(OF_IP + ARP)] if arp else texts


def _sets(pool: Pool, family: str) -> tuple[tuple[str, ...], list[str]]:
    """Names and definitions of a table's sets."""
    if family == "arp" or pool.chance(0.5):
        return (), []
    first, last = pool.span()
    there, back = f"{pool.around(pool.src)} . {pool.dst}", f"{pool.around(pool.dst)} . {pool.src}"
    known = {
        "hosts": f"type ipv4_addr; elements = {{ {', '.join(sorted({pool.host(), pool.host()}))} }}",
        "nets": f"type ipv4_addr; flags interval; auto-merge; elements = {{ {first}-{last}, 203.0.113.0/24 }}",
        "pairs": f"type ipv4_addr . ipv4_addr; flags interval; elements = {{ {there}, {back} }}",
        "ports": f"type ipv4_addr . inet_proto; elements = {{ {pool.host()} . {pool.pick('icmp', 'tcp')} }}",
        "names": f'type ifname; elements = {{ "{pool.device()}", "nosuch" }}',
        "marks": f"type mark; elements = {{ {pool.mark():#x} }}",
        "filled": nft_more.filled(),
        "timed": f"type ipv4_addr; flags timeout; elements = {{ {pool.host()} timeout 1h }}",
    }
    names = tuple(pool.rng.sample(sorted(known), pool.rng.randint(1, 3)))
    lines = []
    for name in names:
        lines += [f"  set {name} {{", *(f"    {part.strip()}" for part in known[name].split(";")), "  }"]
    return names, lines
