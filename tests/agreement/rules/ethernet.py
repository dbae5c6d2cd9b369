"""Random tables in the words of ebtables and arptables, for namespaces with bridges."""

from __future__ import annotations

from tests.agreement.rules.pool import Pool

HOOKS = ("INPUT", "FORWARD", "OUTPUT")
NAT_HOOKS = ("PREROUTING", "OUTPUT", "POSTROUTING")


def ebtables(pool: Pool) -> str:
    """The tables filter and, at times, nat of ebtables."""
    text = _table(pool, "filter", HOOKS, "DROP" if pool.chance(0.15) else "ACCEPT")
    return text + (_table(pool, "nat", NAT_HOOKS, "ACCEPT") if pool.chance(0.3) else "")


def _table(pool: Pool, table: str, hooks: tuple[str, ...], forward: str) -> str:
    user = pool.chance(0.4)
    lines = [f"*{table}", *(f":{hook} {forward if hook == 'FORWARD' else 'ACCEPT'}" for hook in hooks)]
    lines += [":USER RETURN"] if user else []
    for hook in hooks:
        lines += [_rule(pool, hook, hook, user) for _ in range(pool.rng.choice((0, 1, 2, 3)))]
        if hook == "FORWARD" and forward == "DROP":
            lines += [f"-A FORWARD -p {kind} -j ACCEPT" for kind in ("ARP", "IPv4") if pool.chance(0.85)]
    if user:
        lines += [_rule(pool, "USER", "", False) for _ in range(pool.rng.choice((1, 2)))]
    return "\n".join([*lines, ""])


def _rule(pool: Pool, chain: str, hook: str, user: bool) -> str:
    draw = pool.rng.random()
    verdict = "DROP" if draw < 0.35 else "ACCEPT" if draw < 0.75 else "CONTINUE"
    if user and pool.chance(0.3):
        verdict = "USER"
    elif pool.chance(0.1) and hook != "INPUT":
        verdict = f"mark --mark-set {pool.mark():#x} --mark-target {pool.pick('CONTINUE', 'ACCEPT')}"
    words = [_condition(pool, hook) for _ in range(2 if verdict == "DROP" else pool.rng.choice((0, 1, 1, 2)))]
    protocols = [text for text in words if text.startswith(("-p ", "! -p "))]
    rest = [text for text in words if text not in protocols]
    kinds = {text.replace("! ", "").split()[0]: text for text in rest}
    return " ".join([f"-A {chain}", *protocols[:1], *kinds.values(), f"-j {verdict}"])


def _no(pool: Pool) -> str:
    return "! " if pool.chance(0.2) else ""


def _condition(pool: Pool, hook: str) -> str:
    port = pool.question.port
    proto = {"icmp": "icmp", "tcp": "tcp", "udp": "udp"}[pool.proto]
    options = [
        f"-p IPv4 {_no(pool)}--ip-source {pool.address()}",
        f"-p IPv4 {_no(pool)}--ip-destination {pool.address()}",
        f"-p IPv4 --ip-protocol {pool.pick(proto, proto, 'tcp')}",
        f"-p ARP --arp-opcode {pool.pick('Request', 'Reply')}",
        f"-p ARP --arp-ip-dst {pool.address()}",
        f"-p ARP --arp-ip-src {pool.address()}",
        f"{_no(pool)}-p {pool.pick('IPv4', 'ARP', 'IPv6')}",
        f"{_no(pool)}-s {pool.lladdr()}",
        f"{_no(pool)}-d {pool.lladdr()}",
        f"-d {pool.pick('ff:ff:ff:ff:ff:ff', '01:00:00:00:00:00/01:00:00:00:00:00')}",
        f"--pkttype-type {pool.pick('host', 'otherhost', 'broadcast')}",
        f"--mark {pool.mark():#x}",
    ]
    if port:
        options += [f"-p IPv4 --ip-protocol {proto} --ip-{pool.pick('destination', 'source')}-port {port}"] * 2
    if hook in ("INPUT", "FORWARD", "PREROUTING"):
        options += [f"{_no(pool)}-i {pool.port()}"] * 2
    if hook in ("FORWARD", "OUTPUT", "POSTROUTING"):
        options += [f"{_no(pool)}-o {pool.port()}"] * 2
    return pool.pick(*options)


def arptables(pool: Pool) -> str:
    """The table of arptables: who may ask, and who may answer."""
    lines = ["*filter", ":INPUT ACCEPT", ":OUTPUT ACCEPT"]
    for hook, option in (("INPUT", "-i"), ("OUTPUT", "-o")):
        for _ in range(pool.rng.choice((0, 1, 2))):
            words = [
                pool.pick(f"{_no(pool)}-s {pool.address()}", f"{_no(pool)}-d {pool.address()}", ""),
                pool.pick(f"--opcode {pool.pick('1', '2')}", f"{option} {pool.device()}", ""),
                f"--source-mac {pool.lladdr()}" if pool.chance(0.2) else "",
            ]
            verdict = pool.pick("ACCEPT", "ACCEPT", "DROP") if any(words) else "ACCEPT"
            lines.append(" ".join(filter(None, [f"-A {hook}", *words, f"-j {verdict}"])))
    return "\n".join([*lines, ""])
