"""The evaluator against the kernel: random rulesets in three dialects on a router, single packets through it.

``NETDOCTOR_NF_COUNT`` sets how many rulesets, ``python -m tests.lab.test_nf_oracle --seed 17`` shows one.
"""

from __future__ import annotations

import argparse
import os
import shutil
from collections import Counter
from random import Random
from typing import get_args

import pytest

from netdoctor.collect.live import LiveHost
from netdoctor.kernel.netfilter.environment import NamespaceEnvironment
from netdoctor.kernel.netfilter.model import Place
from netdoctor.kernel.netfilter.ruleset import Ruleset
from tests.lab.nf_predict import Told, predict
from tests.lab.nf_router import Router, probe
from tests.lab.nf_rules import Dialect, ruleset

COUNT = int(os.environ.get("NETDOCTOR_NF_COUNT", "60"))
Tally = Counter[str]
DIALECTS: tuple[Dialect, ...] = get_args(Dialect)
TOOLS = ("ip", "nft", "ipset", "iptables-legacy-restore", "iptables-nft-restore", "iptables-nft-save")


def check(router: Router, dialect: Dialect, seed: int, tally: Tally, verbose: bool = False) -> list[str]:
    """Load one ruleset, send a few probes, and return what came otherwise than predicted."""
    router.clear()
    text = load(router, dialect, seed)
    rules = Ruleset(router.texts(), router.sets)
    wrong: list[str] = [f"unread: {unread}" for unread in rules.unread]
    with LiveHost() as host:
        ns = host.namespace(router.inode)
        assert ns is not None
        random = Random(seed)
        before = counters(rules)
        for proto in (1, 1, 17, 6):
            packet = probe(random, proto)
            told = predict(rules, NamespaceEnvironment(ns, rules), packet)
            really = router.send(packet)
            outcomes = {one.outcome for one in told}
            tally["undecided" if len(outcomes) > 1 else str(tuple(told[0].outcome))] += 1
            rules = Ruleset(router.texts(), router.sets)  # with what the packet has left in sets
            after = counters(rules)
            seen = {rule: after[rule] - before[rule] for rule in after}
            before = after
            complaints = [] if really in outcomes else [f"kernel: {really}"]
            if len(told) == 1 and not told[0].noisy and not complaints:
                complaints = differing(told[0], seen)
            if complaints or verbose:
                stories = ["\n  ".join((f"predicted {one.outcome}:", *one.story)) for one in told[:4]]
                what = "DISAGREES" if complaints else "agrees"
                wrong += [f"{what}: {dialect} seed {seed} {packet}", *complaints, *stories, ""]
    tally["wrong rulesets"] += any("DISAGREES" in entry or "unread" in entry for entry in wrong)
    return [*wrong, text] if wrong else []


def load(router: Router, dialect: Dialect, seed: int) -> str:
    """Load one ruleset, or for `together` one of each dialect."""
    if dialect != "together":
        return router.load(dialect, ruleset(dialect, seed))
    kinds: tuple[Dialect, ...] = ("legacy", "iptables-nft", "nft")
    return "\n".join(router.load(kind, ruleset(kind, seed + 1000 * n)) for n, kind in enumerate(kinds, 1))


def counters(rules: Ruleset) -> dict[tuple[Place, int], int]:
    """How many packets each rule has counted, where it counts."""
    return {
        (place, rule.number): rule.packets
        for place in rules.places()
        for rule in rules.rules(place)
        if rule.packets is not None
    }


def differing(told: Told, seen: dict[tuple[Place, int], int]) -> list[str]:
    """Rules that were to be met and were not. What counts and does nothing is not predicted."""
    return [
        f"rule {place.table} {place.chain} {number}: predicted {told.met[place, number]}, counted {count}"
        for (place, number), count in seen.items()
        if count < told.met[place, number]
    ]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_predictions_are_what_the_kernel_does(kernel: None, dialect: Dialect) -> None:
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    tally: Tally = Counter()
    with Router(f"ndn2-{os.getpid()}-") as router:
        wrong = [
            entry for seed in range(COUNT // len(DIALECTS)) for entry in check(router, dialect, seed, tally)
        ]
    assert not wrong, "\n".join(wrong)
    assert tally["undecided"] <= 0.1 * sum(tally.values()), tally


def main() -> None:
    """Run many seeds, or show one."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--dialect", choices=DIALECTS, action="append")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=50)
    arguments = parser.parse_args()
    with Router(f"ndn2-{os.getpid()}-") as router:
        for dialect in arguments.dialect or DIALECTS:
            tally: Tally = Counter()
            one = arguments.seed is not None
            seeds = [arguments.seed] if one else range(arguments.first, arguments.first + arguments.count)
            for seed in seeds:
                try:
                    wrong = check(router, dialect, seed, tally, verbose=one)
                except Exception as error:
                    wrong = [f"CRASH: {dialect} seed {seed}: {type(error).__name__}: {error}"]
                    tally["crashes"] += 1
                if wrong:
                    print("\n".join(wrong), flush=True)
            print(dialect, dict(tally), flush=True)


if __name__ == "__main__":
    main()
