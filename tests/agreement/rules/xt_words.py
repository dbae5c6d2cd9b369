"""Conditions and targets in iptables' words, each where the kernel accepts it."""

from __future__ import annotations

from collections.abc import Callable

from tests.agreement.rules import xt_more
from tests.agreement.rules.pool import Pool

IN = ("PREROUTING", "INPUT", "FORWARD", "")
OUT = ("FORWARD", "OUTPUT", "POSTROUTING", "")
STATES = (
    "NEW",
    "ESTABLISHED",
    "RELATED",
    "INVALID",
    "UNTRACKED",
    "NEW,ESTABLISHED",
    "ESTABLISHED,RELATED",
    "DNAT",
    "SNAT",
    "INVALID,UNTRACKED",
)
REJECTS = (
    "",
    "",
    " --reject-with icmp-host-prohibited",
    " --reject-with icmp-net-unreachable",
    " --reject-with icmp-admin-prohibited",
    " --reject-with icmp-host-unreachable",
)
FLAGS = ("--syn", "! --syn", "--tcp-flags SYN,ACK SYN,ACK", "--tcp-flags SYN,RST SYN")
TUPLES = ("ctorigsrc", "ctorigdst", "ctreplsrc", "ctrepldst")
STATUSES = ("SEEN_REPLY", "CONFIRMED", "ASSURED", "NONE", "EXPECTED")


def no(pool: Pool, probability: float = 0.2) -> str:
    """A negation, at times."""
    return "! " if pool.chance(probability) else ""


def match(pool: Pool, table: str, hook: str, sets: tuple[str, ...]) -> tuple[str, str]:
    """One condition: its kind (a rule has one of each) and its words."""
    while True:
        kind = pool.rng.choices(list(KINDS), [weight for weight, _ in KINDS.values()])[0]
        text = KINDS[kind][1](pool, table, hook)
        if kind == "set":
            text = _in_set(pool, sets)
        if text:
            return ("proto" if kind in ("icmp", "protocol", "other") or text[:3] == "-p " else kind), text


def _device(pool: Pool, option: str, name: str) -> str:
    if pool.chance(0.3):
        name = pool.prefix_of(name) + "+"
    return f"{no(pool)}{option} {name}"


def _physdev(pool: Pool, hook: str) -> str:
    words = ["-m physdev"]
    if hook in ("PREROUTING", "INPUT", "FORWARD") and pool.chance(0.6):
        words.append(_device(pool, "--physdev-in", pool.port()))
    if hook == "FORWARD" and pool.chance(0.3):
        words.append(f"{_device(pool, '--physdev-out', pool.port())} --physdev-is-bridged")
    elif hook in ("FORWARD", "POSTROUTING") and pool.chance(0.5):
        words.append(f"{no(pool)}--physdev-is-bridged")
    elif hook in ("PREROUTING", "INPUT", "FORWARD") and pool.chance(0.3):
        words.append(f"{no(pool)}--physdev-is-in")
    return " ".join(words) if len(words) > 1 else ""


def _icmp(pool: Pool) -> str:
    if pool.proto != "icmp" and pool.chance(0.9):
        return _transport(pool)
    kind = pool.pick(
        "echo-request",
        "echo-request",
        "echo-reply",
        "8/0",
        "0",
        "any",
        "destination-unreachable",
        "3/4",
        "time-exceeded",
    )
    return f"-p icmp{'' if pool.chance(0.5) else ' -m icmp'} {no(pool) if kind != 'any' else ''}--icmp-type {kind}"


def _transport(pool: Pool) -> str:
    proto = pool.proto
    draw = pool.rng.random()
    if draw < 0.25:
        ports = ",".join({str(pool.question.port), "22", "1024:65535" if pool.chance(0.3) else "81"})
        side, listed = pool.pick("dports", "sports", "ports"), ",".join(sorted(ports.split(",")))
        return f"-p {proto} -m multiport {no(pool)}--{side} {listed}"
    if proto == "tcp" and draw < 0.4:
        return f"-p tcp -m tcp {pool.pick(*FLAGS)}"
    side = pool.pick("dport", "dport", "sport")
    return f"-p {proto} -m {proto} {no(pool)}--{side} {pool.ports_of(':')}"


def _other(pool: Pool) -> str:
    return pool.pick(
        "-p tcp -m tcp --dport 80",
        "-p udp -m udp --sport 53",
        "-p tcp -m multiport --dports 22,80,443",
        "-p udp -m multiport ! --ports 1:1000",
        "-p tcp -m tcp --tcp-flags SYN,RST SYN",
        "! -p tcp",
        "! -p icmp",
        "-p esp",
        "-p udp",
    )


def _length(pool: Pool) -> str:
    low, high = pool.size()
    return f"-m length {no(pool)}--length {max(low, 0)}:{min(max(high, 0), 65535)}"


def _addrtype(pool: Pool, hook: str) -> str:
    side = pool.pick("src", "dst", "dst")
    kind = pool.pick("LOCAL", "LOCAL", "UNICAST", "BROADCAST", "LOCAL,BROADCAST", "MULTICAST")
    limit = ""
    if hook in ("PREROUTING", "INPUT", "FORWARD") and pool.chance(0.2):
        limit = " --limit-iface-in"
    elif hook in ("POSTROUTING", "OUTPUT") and pool.chance(0.2):
        limit = " --limit-iface-out"
    return f"-m addrtype {no(pool)}--{side}-type {kind}{limit}"


def _conntrack(pool: Pool) -> str:
    draw = pool.rng.random()
    if draw < 0.1:
        return f"-m conntrack {no(pool)}--{pool.pick(*TUPLES)} {pool.address()}"
    if draw < 0.17:
        return f"-m conntrack --ctdir {pool.pick('ORIGINAL', 'REPLY')}"
    if draw < 0.24:
        return f"-m conntrack {no(pool)}--ctstatus {pool.pick(*STATUSES)}"
    return f"-m conntrack {no(pool)}--ctstate {pool.pick(*STATES)}"


def _owner(pool: Pool) -> str:
    return "-m owner " + pool.pick(
        "--uid-owner 0",
        "! --uid-owner 0",
        "--gid-owner 0",
        "--uid-owner 1000-2000",
        "! --socket-exists",
        "--socket-exists",
    )


def _iprange(pool: Pool) -> str:
    first, last = pool.span()
    return f"-m iprange {no(pool)}--{pool.pick('src', 'dst')}-range {first}-{last}"


def _in_set(pool: Pool, sets: tuple[str, ...]) -> str:
    if not sets:
        return ""
    name, _, fields = pool.rng.choice(sets).partition(" ")
    sides = ",".join("src" if pool.chance(0.5) else "dst" for _ in range(int(fields)))
    if name == "s-iface":
        sides = f"{pool.pick('src', 'dst')},{pool.pick('src', 'dst')}"
    return f"-m set {no(pool)}--match-set {name} {sides}"


def _limit(pool: Pool) -> str:
    return pool.pick(
        "-m limit --limit 50/sec --limit-burst 50",
        "-m limit --limit 20/sec",
        "-m hashlimit --hashlimit-upto 50/sec --hashlimit-name h --hashlimit-mode srcip",
    )


def _marked(pool: Pool, module: str) -> str:
    mark = pool.mark()
    mask = pool.pick("", "", f"/{mark:#x}", "/0xff")
    return f"-m {module} {no(pool)}--mark {mark:#x}{mask}"


Maker = Callable[[Pool, str, str], str]

KINDS: dict[str, tuple[float, Maker]] = {
    "src": (12, lambda pool, table, hook: f"{no(pool)}-s {pool.address()}"),
    "dst": (12, lambda pool, table, hook: f"{no(pool)}-d {pool.address()}"),
    "iprange": (4, lambda pool, table, hook: _iprange(pool)),
    "in": (8, lambda pool, table, hook: _device(pool, "-i", pool.device()) if hook in IN else ""),
    "out": (8, lambda pool, table, hook: _device(pool, "-o", pool.device()) if hook in OUT else ""),
    "physdev": (4, lambda pool, table, hook: _physdev(pool, hook)),
    "icmp": (12, lambda pool, table, hook: _icmp(pool)),
    "protocol": (8, lambda pool, table, hook: f"-p {pool.proto}"),
    "other": (8, lambda pool, table, hook: _other(pool)),
    "length": (4, lambda pool, table, hook: _length(pool)),
    "ttl": (4, lambda pool, table, hook: f"-m ttl --ttl-{pool.pick('eq', 'gt', 'lt')} {pool.ttl()}"),
    "mac": (
        3,
        lambda pool, table, hook: f"-m mac {no(pool)}--mac-source {pool.lladdr()}" if hook in IN[:3] else "",
    ),
    "mark": (6, lambda pool, table, hook: _marked(pool, "mark")),
    "connmark": (2, lambda pool, table, hook: _marked(pool, "connmark")),
    "conntrack": (9, lambda pool, table, hook: _conntrack(pool)),
    "addrtype": (5, lambda pool, table, hook: _addrtype(pool, hook)),
    "pkttype": (
        2,
        lambda pool, table, hook: (
            f"-m pkttype {no(pool)}--pkt-type {pool.pick('unicast', 'unicast', 'broadcast', 'multicast')}"
        ),
    ),
    "owner": (4, lambda pool, table, hook: _owner(pool) if hook in ("OUTPUT", "POSTROUTING") else ""),
    "rpfilter": (
        6,
        lambda pool, table, hook: (
            "-m rpfilter"
            + pool.pick(
                "", " --invert", " --loose", " --loose --invert", " --validmark", " --accept-local --invert"
            )
            if hook == "PREROUTING" and table in ("raw", "mangle")
            else ""
        ),
    ),
    "fragment": (2, lambda pool, table, hook: f"{no(pool)}-f"),
    "limit": (1, lambda pool, table, hook: _limit(pool)),
    "set": (6, lambda pool, table, hook: ""),
    "dscp": (1.5, lambda pool, table, hook: f"-m dscp {no(pool)}--dscp {pool.pick('0', '0x2e')}"),
    "tos": (1.5, lambda pool, table, hook: f"-m tos {no(pool)}--tos {pool.pick('0x00', '0x10')}"),
    "connection": (3, lambda pool, table, hook: xt_more.connection(pool) if table != "raw" else ""),
    "group": (1, lambda pool, table, hook: xt_more.device_group(pool, hook) if hook else ""),
    "undecided": (0.4, lambda pool, table, hook: xt_more.undecided(pool, hook)),
}


def target(pool: Pool, table: str, hook: str, users: tuple[str, ...]) -> tuple[str, bool]:
    """A target, and whether it ends packets."""
    if users and pool.chance(0.3):
        return f"-{pool.pick('j', 'j', 'g')} {pool.rng.choice(users)}", False
    if table == "nat":
        return (pool.chance(0.25) and xt_more.nat(pool, hook)) or _nat(pool, hook), False
    if pool.chance(0.08):
        more = xt_more.target(pool, table, hook)
        return more, more == "-j NFQUEUE --queue-num 3"
    if pool.chance(0.08):
        return pool.pick("", "-j LOG", '-j LOG --log-prefix "x: "', "-j NFLOG --nflog-group 3"), False
    if not hook and pool.chance(0.2):
        return "-j RETURN", False
    if table == "mangle" and pool.chance(0.65):
        return _mangle(pool), False
    if table == "raw" and pool.chance(0.5):
        return pool.pick("-j NOTRACK", "-j CT --notrack"), False
    draw = pool.rng.random()
    if draw < 0.5:
        return "-j ACCEPT", False
    if draw < 0.57:
        return "-j RETURN", False
    if table == "filter" and draw < 0.75:
        return "-j REJECT" + pool.pick(*REJECTS), True
    return "-j DROP", True


def _mangle(pool: Pool) -> str:
    mark = pool.mark()
    return pool.pick(
        f"-j MARK --set-mark {mark:#x}",
        f"-j MARK --set-xmark {mark:#x}/{mark:#x}",
        f"-j MARK --or-mark {mark:#x}",
        f"-j MARK --and-mark {mark:#x}",
        f"-j MARK --xor-mark {mark:#x}",
        f"-j CONNMARK --set-mark {mark:#x}",
        "-j CONNMARK --save-mark",
        "-j CONNMARK --restore-mark",
        f"-j CONNMARK --restore-mark --mask {mark:#x}",
        f"-j TTL --ttl-set {pool.pick('1', '5', '64')}",
        "-j TTL --ttl-inc 1",
        f"-j TTL --ttl-dec {pool.pick('1', '1', '70')}",
        "-j TOS --set-tos 0x10",
        "-j DSCP --set-dscp 0x2e",
        "-j CHECKSUM --checksum-fill",
    )


def _nat(pool: Pool, hook: str) -> str:
    if hook in ("POSTROUTING", "INPUT"):
        snat = f"-j SNAT --to-source {pool.local() if pool.chance(0.8) else pool.host()}"
        if hook == "INPUT":
            return pool.pick("-j ACCEPT", snat)
        return pool.pick(
            "-j MASQUERADE",
            "-j MASQUERADE",
            snat,
            "-j ACCEPT",
            "-j MASQUERADE --random",
            f"-j NETMAP --to {pool.around(pool.src)}",
        )
    if hook in ("PREROUTING", "OUTPUT"):
        dnat = f"-j DNAT --to-destination {pool.rng.choice(pool.draft.endpoints).address}"
        if pool.proto != "icmp" and pool.chance(0.3):
            port = pool.pick(str(pool.question.port), "8080")
            return f"-p {pool.proto} " + pool.pick(
                f"-j REDIRECT --to-ports {port}", f"{dnat}:{port}", f"{dnat}:{port}"
            )
        return pool.pick(
            "-j ACCEPT",
            "-j REDIRECT",
            dnat,
            dnat,
            dnat,
            f"-j NETMAP --to {pool.around(pool.dst)}",
            f"-j DNAT --to-destination {pool.dst}",
            f"-j DNAT --to-destination {pool.dst}",
        )
    return pool.pick("-j RETURN", "-j ACCEPT")
