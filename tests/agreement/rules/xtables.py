"""Random tables in the language of iptables-restore, for either backend."""

from __future__ import annotations

from tests.agreement.rules.pool import Pool
from tests.agreement.rules.xt_words import match, target

HOOKS = {
    "raw": ("PREROUTING", "OUTPUT"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
    "security": ("INPUT", "FORWARD", "OUTPUT"),
}
USUAL = {"filter": 0.9, "mangle": 0.35, "nat": 0.35, "raw": 0.2, "security": 0.04}
USER = ("one", "two", "DOCKER-USER", "KUBE-SERVICES")


def random_tables(pool: Pool, sets: tuple[str, ...]) -> str:
    """Some of the tables, each with rules in some of its chains."""
    tables = [table for table in HOOKS if pool.chance(USUAL[table])] or ["filter"]
    return "".join(_table(pool, table, sets) for table in tables)


def _table(pool: Pool, table: str, sets: tuple[str, ...]) -> str:
    strict = table == "filter" and pool.chance(0.3)
    policies = {
        hook: "DROP" if strict and pool.chance(0.6) or table != "nat" and pool.chance(0.01) else "ACCEPT"
        for hook in HOOKS[table]
    }
    users = USER[: pool.rng.choice((0, 0, 1, 2, 3, 4))] if table != "nat" or pool.chance(0.3) else ()
    lines = [f"*{table}", *(f":{hook} {policies[hook]} [0:0]" for hook in HOOKS[table])]
    lines += [f":{user} - [0:0]" for user in users]
    for hook in HOOKS[table]:
        count = (
            pool.rng.choice((0, 1, 2, 3, 4))
            if hook in ("FORWARD", "PREROUTING")
            else pool.rng.choice((0, 0, 0, 1, 2))
        )
        lines += [rule(pool, table, hook, hook, users, sets) for _ in range(count)]
        if policies[hook] == "DROP" and pool.chance(0.75):
            lines += _ways_through(pool, hook)
        if pool.chance(0.05) and table != "nat":
            lines.append(f"-A {hook} -j {pool.pick('DROP', 'ACCEPT')}")
    for index, user in enumerate(users):
        callees = users[index + 1 :]
        lines += [rule(pool, table, user, "", callees, sets) for _ in range(pool.rng.choice((0, 1, 2, 3)))]
    return "\n".join([*lines, "COMMIT", ""])


def _ways_through(pool: Pool, hook: str) -> list[str]:
    """What people write below a policy of DROP."""
    lines = []
    if pool.chance(0.7):
        states = pool.pick("RELATED,ESTABLISHED", "ESTABLISHED", "ESTABLISHED,NEW", "RELATED")
        module = pool.pick("conntrack --ctstate", "conntrack --ctstate", "state --state")
        lines.append(f"-A {hook} -m {module} {states} -j ACCEPT")
    if pool.chance(0.8):
        way = f" --dport {pool.question.port}"
        if pool.proto == "icmp":
            way = pool.pick("", " --icmp-type echo-request", " -m icmp --icmp-type any")
        lines.append(f"-A {hook} -p {pool.proto}{way} -j ACCEPT")
    elif pool.chance(0.7):
        lines.append(f"-A {hook} -d {pool.around(pool.dst)} -j ACCEPT")
    pool.rng.shuffle(lines)
    return lines


def rule(pool: Pool, table: str, chain: str, hook: str, users: tuple[str, ...], sets: tuple[str, ...]) -> str:
    """One rule; `hook` is empty in a user chain."""
    verdict, harmful = target(pool, table, hook, users)
    count = pool.rng.choice((1, 2, 2, 3) if harmful else (0, 1, 1, 2))
    seen: set[str] = set()
    words = []
    for _ in range(count):
        kind, text = match(pool, table, hook, sets)
        if kind not in seen:
            seen.add(kind)
            words.append(text)
    if verdict.startswith("-p "):
        _, proto, verdict = verdict.split(" ", 2)
        words = [f"-p {proto}", *(text for text in words if not text.startswith(("-p ", "! -p ")))]
    if verdict == "-j REJECT" and any(text.startswith("-p tcp") for text in words) and pool.chance(0.5):
        verdict = "-j REJECT --reject-with tcp-reset"
    words.sort(key=lambda text: not text.startswith("-p "))
    if pool.chance(0.15):
        words.append(f'-m comment --comment "{pool.pick("cali:x", "default/web:http", "a b; -j DROP")}"')
    return " ".join([f"-A {chain}", *words, verdict])
