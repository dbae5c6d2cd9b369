"""`python -m tests.fuzz.run --seconds 120`: fuzz all targets in turn until the time is up."""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS

#: Examples of one target before it is the next one's turn.
ROUND = 25


def fuzz(seconds: float, start: int, targets: tuple[Callable[[Any], None], ...] = TARGETS) -> int:
    """Fuzz the targets in turn for so long; returns the number of examples tried. Raises what a target raises.

    The failing example is made small and printed by Hypothesis; `start` is the seed that the rounds are numbered from.
    """
    chance, end, tried = random.Random(start), time.monotonic() + seconds, 0
    while time.monotonic() < end:
        for target in targets:
            number = chance.getrandbits(32)
            tried += _round(target, number)
    return tried


def _round(target: Callable[[Any], None], number: int) -> int:
    count = 0

    @seed(number)
    @settings(
        max_examples=ROUND,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    @given(st.data())
    def one(data: st.DataObject) -> None:
        nonlocal count
        count += 1
        target(data.draw)

    try:
        one()
    except BaseException as error:
        error.add_note(f"found by {target.__name__}, seed {number}")
        raise
    return count


def main() -> int:
    """Run from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=time.time_ns())
    parser.add_argument("--only", help="the name of one target")
    args = parser.parse_args()
    chosen = tuple(target for target in TARGETS if args.only in (None, target.__name__))
    print(f"seed {args.seed}", file=sys.stderr)
    print(f"{fuzz(args.seconds, args.seed, chosen)} examples, nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(main())
