"""Hold netdoctor against the kernel: ``python -m tests.agreement.run --count 1000 --seed 1 --jobs 4``.

Exit code 0: everything agreed (with ``--truth-only``: everything could be built); 1: something did not; 2: not root.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import FrameType

from tests.agreement import ping as pinging
from tests.agreement import show
from tests.agreement.generate import random_network
from tests.agreement.predict import ask_netdoctor, command_words
from tests.agreement.trial import Outcome, run_trial
from tests.agreement.world import PREFIX, World, present, remove, sweep

KEPT = f"{PREFIX}keep"


def options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.agreement.run", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--count", type=int, default=100, help="how many networks (default 100)")
    parser.add_argument("--seed", type=int, default=1, help="the first seed; the others follow (default 1)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default 2)")
    parser.add_argument(
        "--only", type=int, metavar="SEED", action="append", help="this seed alone, in full; repeatable"
    )
    parser.add_argument("--keep", action="store_true", help="with --only: leave the network up")
    parser.add_argument("--clean", action="store_true", help="take kept networks down, and leave")
    parser.add_argument("--keep-going", action="store_true", help="do not stop after ten disagreements")
    parser.add_argument(
        "--truth-only", action="store_true", help="do not ask netdoctor; show what the kernel refused"
    )
    parser.add_argument("--rules", action="store_true", help="random rulesets on the networks")
    parser.add_argument("--repair", type=int, metavar="N", default=2,
                        help="run the fixes of every Nth unreachable seed (0: never; default 2)")  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write figures and outcomes")
    parser.add_argument("-v", "--verbose", action="store_true", help="a line for every network")
    return parser.parse_args(arguments)


def one(seed: int, *, truth_only: bool, repair_every: int, rules: bool) -> Outcome:
    """The trial of one seed."""
    wanted = repair_every > 0 and seed % repair_every == 0
    return run_trial(random_network(seed, rules), None if truth_only else ask_netdoctor, wanted)


def outcomes(seeds: list[int], jobs: int, work: partial[Outcome]) -> Iterator[Outcome]:
    """Trials in whatever order they end; one process when one job is enough."""
    if jobs <= 1 or len(seeds) == 1:
        yield from map(work, seeds)
        return
    with multiprocessing.Pool(jobs, initializer=leave_politely) as pool:
        yield from pool.imap_unordered(work, seeds)


def leave_politely() -> None:
    """Let a termination unwind the stack, so that namespaces are deleted."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)


def keep(seed: int, rules: bool) -> int:
    """Build one network with its changes, leave it up, and say how to ask about it."""
    plan = random_network(seed, rules)
    with World(plan, prefix=f"{KEPT}{seed}-", keep=True) as world:
        pinging.warm([(world.real(each.source), each.address) for each in plan.warm_up])
        for each in plan.changes:
            for command in each.commands:
                print(f"{command}   {world.run(command)}")
    real = {name: world.real(name) for name in plan.namespaces}
    print(plan.describe())
    print("up:", " ".join(real.values()))
    words = [word for word in command_words(plan.question, real) if word not in ("--json", "-v")]
    print("ask:  netdoctor", " ".join(words))
    print(
        "ping:",
        "ip netns exec",
        real[plan.question.source],
        *pinging.arguments(plan.question, plan.question.address),
    )
    print("down: python -m tests.agreement.run --clean")
    return 0


def note(outcome: Outcome, *, full: bool) -> None:
    """Print what deserves it: each line when asked for, everything about what went wrong."""
    failed_repair = outcome.repair is not None and outcome.repair.outcome in ("failed", "refused")
    if full or outcome.judgement not in ("agree", "truth") or failed_repair:
        print(show.in_full(outcome), flush=True)


def main(arguments: list[str] | None = None) -> int:
    wanted = options(arguments)
    if os.geteuid() != 0:
        print("agreement: root is needed to build network namespaces", file=sys.stderr)
        return 2
    leave_politely()
    sweep()
    if wanted.clean:
        remove(name for name in present() if name.startswith(KEPT))
        return 0
    if wanted.only and wanted.keep:
        return max(keep(seed, wanted.rules) for seed in wanted.only)
    seeds = wanted.only or list(range(wanted.seed, wanted.seed + wanted.count))
    every = 1 if wanted.only else wanted.repair
    work = partial(one, truth_only=wanted.truth_only, repair_every=every, rules=wanted.rules)
    done: list[Outcome] = []
    for outcome in outcomes(seeds, wanted.jobs, work):
        done.append(outcome)
        if wanted.verbose:
            print(show.one_line(outcome), flush=True)
        note(outcome, full=bool(wanted.only))
        bad = sum(each.judgement not in ("agree", "truth") for each in done)
        if bad >= 10 and not wanted.keep_going:
            print("ten networks did not agree; --keep-going goes on")
            break
    return conclude(done, wanted)


def conclude(done: list[Outcome], wanted: argparse.Namespace) -> int:
    """Figures to stdout and, where asked for, to a file."""
    figures = show.figures(done)
    if wanted.truth_only:
        print("\n".join(show.refusals(done)))
    print(json.dumps(figures, indent=2))
    wrong = sorted(each.plan.seed for each in done if each.judgement in ("disagree", "crash", "broken"))
    unknown = sorted(each.plan.seed for each in done if each.judgement == "unknown")
    unrepaired = sorted(each.plan.seed for each in done if each.repair and each.repair.outcome != "repaired")
    print(f"wrong: {wrong}\nunknown: {unknown}\nnot repaired: {unrepaired}")
    if wanted.json:
        records = [show.record(each) for each in sorted(done, key=lambda each: each.plan.seed)]
        wanted.json.write_text(
            json.dumps({"figures": figures, "outcomes": records}, indent=1), encoding="utf-8"
        )
    return 1 if wrong or unknown else 0


if __name__ == "__main__":
    sys.exit(main())
