"""Random rulesets in one to three namespaces of a random network, in iptables' two backends and in nft's language."""

from __future__ import annotations

from tests.agreement.model import Draft
from tests.agreement.plan import Change, Command, Question
from tests.agreement.rules import engines, engines_nft, ethernet, ipsets, native, shapes, xtables
from tests.agreement.rules.pool import Pool

__all__ = ["DIALECTS", "PREFIX", "random_rules"]

PREFIX = "rules-"
DIALECTS = {"legacy": 35, "iptables-nft": 30, "nft": 35}
TOOLS = {
    "legacy": ("iptables-legacy-restore", "--noflush"),
    "iptables-nft": ("iptables-nft-restore", "--noflush"),
    "nft": ("nft", "-f", "-"),
    "ebtables": ("ebtables-nft-restore", "--noflush"),
    "arptables": ("arptables-nft-restore", "--noflush"),
}
COUNTS = ((1, 60), (2, 30), (3, 10))


def random_rules(draft: Draft, question: Question) -> list[Change]:
    """A ruleset for each of one to three namespaces; where one has two dialects, both hold."""
    rng = draft.rng
    weights = {space: _weight(draft, question, space) for space in draft.roles}
    count = rng.choices([n for n, _ in COUNTS], [weight for _, weight in COUNTS])[0]
    spaces: list[str] = []
    for _ in range(count):
        space = rng.choices(list(weights), list(weights.values()))[0]
        if space not in spaces:
            spaces.append(space)
    done: list[Change] = []
    for space in spaces:
        pool = Pool(draft, question, space)
        done += _of_bridges(pool)
        dialects = {
            rng.choices(list(DIALECTS), list(DIALECTS.values()))[0]
            for _ in range(2 if pool.chance(0.12) else 1)
        }
        done += [_ruleset(pool, dialect) for dialect in sorted(dialects)]
        if pool.ports() and pool.chance(0.12):
            done.append(Change(f"{PREFIX}ebtables", (Command(space, TOOLS["ebtables"], ethernet.ebtables(pool)),)))
        if pool.chance(0.04):
            done.append(Change(f"{PREFIX}arptables", (Command(space, TOOLS["arptables"], ethernet.arptables(pool)),)))
    return done


def _weight(draft: Draft, question: Question, space: str) -> float:
    role = draft.roles[space]
    if role in ("host", "router", "hidden"):
        return 6
    return 2 if space in (question.source, question.destination) else 0.3


def _of_bridges(pool: Pool) -> list[Change]:
    """Whether bridged packets meet the rules: by the namespace's switch, or by the bridge's own."""
    bridges = [device for device in pool.devices if device.kind == "bridge"]
    if not bridges:
        return []
    value = pool.pick("0", "1")
    commands = [Command(pool.space, ("sysctl", "net/bridge/bridge-nf-call-iptables", value))]
    if value == "0" and pool.chance(0.2):
        words = (
            "ip",
            "link",
            "set",
            pool.rng.choice(bridges).name,
            "type",
            "bridge",
            "nf_call_iptables",
            "1",
        )
        commands.append(Command(pool.space, words))
    return [Change("bridge-nf", tuple(commands))]


def _ruleset(pool: Pool, dialect: str) -> Change:
    commands = []
    if dialect == "nft":
        text = pool.rng.choice(engines_nft.ENGINES)(pool) if pool.chance(0.25) else native.random_ruleset(pool)
    else:
        members, sets = ipsets.random_sets(pool)
        if members:
            commands.append(Command(pool.space, ("ipset", "-exist", "restore"), members))
        draw = pool.rng.random()
        write = shapes.docker if draw < 0.1 else shapes.kube if draw < 0.15 else xtables.random_tables
        if draw > 0.75:
            write = pool.rng.choice(engines.ENGINES)
        text = write(pool, sets)
    commands.append(Command(pool.space, TOOLS[dialect], text))
    if "mark" in text.lower() and pool.chance(0.25):
        where = pool.pick("unreachable", "blackhole", "prohibit", "lookup 77")
        commands.append(
            Command(
                pool.space, ("ip", "rule", "add", "fwmark", f"{pool.mark():#x}", "pref", "90", *where.split())
            )
        )
    return Change(f"{PREFIX}{dialect}", tuple(commands))
