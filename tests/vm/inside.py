"""Runs in the guest: ``python -m tests.vm.inside --count 60 --seed 1``.

Each case is built, predicted, pinged and compared; the fixes of those that cannot be reached are run, and pinged again.

Exit code 0: everything agreed; 1: something did not. What its fixes did not mend is listed.
"""

from __future__ import annotations

import argparse
import importlib
import io
import multiprocessing
import platform
import subprocess
import sys
import time
from collections import Counter
from contextlib import redirect_stdout
from functools import partial

from netdoctor.check import all_checks
from tests.agreement import show
from tests.agreement.predict import ask_netdoctor
from tests.agreement.run import leave_politely, outcomes
from tests.agreement.trial import Outcome, run_trial
from tests.vm.tunnel_cases import tunnel_network
from tests.vm.vlan_cases import vlan_network

MODULES = ("veth", "bridge", "8021q", "dummy", "macvlan", "vxlan", "ipvlan", "bonding", "vrf")
TUNNELS = ("ipip", "ip_gre", "geneve", "wireguard")


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.vm", description="hold netdoctor against a stock kernel"
    )
    parser.add_argument("--count", type=int, default=40, help="how many cases (default 40)")
    parser.add_argument("--seed", type=int, default=1, help="the first seed; the others follow (default 1)")
    parser.add_argument(
        "--only", type=int, metavar="SEED", action="append", help="this seed alone; repeatable"
    )
    parser.add_argument("--jobs", type=int, default=3, help="processes in the guest (default 3)")
    parser.add_argument(
        "--truth-only", action="store_true", help="do not ask netdoctor; show what the kernel refused"
    )
    parser.add_argument("--tunnels", action="store_true", help="networks of tunnels in the place of VLANs")
    parser.add_argument("-v", "--verbose", action="store_true", help="a line for every case")
    return parser.parse_args(arguments)


def one(seed: int, *, truth_only: bool, tunnels: bool) -> Outcome:
    """The trial of one seed, its fixes run too."""
    plan = tunnel_network(seed) if tunnels else vlan_network(seed)
    return run_trial(plan, None if truth_only else ask_netdoctor, with_repair=True)


def in_full(outcome: Outcome) -> str:
    """As the agreement test shows it, with the command of this one."""
    return (
        show.in_full(outcome).rsplit("\n", 1)[0] + f"\nagain: python -m tests.vm --only {outcome.plan.seed}"
    )


def unmended(outcome: Outcome) -> bool:
    """A fix was tried and the ping still fails."""
    return outcome.repair is not None and outcome.repair.outcome in ("failed", "refused")


def main(arguments: list[str] | None = None) -> int:
    wanted = options(arguments)
    for module in TUNNELS if wanted.tunnels else MODULES:
        subprocess.run(["modprobe", module], check=False)
    leave_politely()
    # Imported once, before the processes part: over 9p that takes a time which would count as netdoctor's.
    with redirect_stdout(io.StringIO()):
        importlib.import_module("netdoctor.cli").main(["why-no-ping", "host", "127.0.0.1", "--no-probe", "--json"])
    all_checks()
    seeds = wanted.only or list(range(wanted.seed, wanted.seed + wanted.count))
    started = time.monotonic()
    done: list[Outcome] = []
    for outcome in outcomes(seeds, wanted.jobs, partial(one, truth_only=wanted.truth_only, tunnels=wanted.tunnels)):
        done.append(outcome)
        if wanted.verbose:
            print(show.one_line(outcome), flush=True)
        if wanted.only or outcome.judgement not in ("agree", "truth") or unmended(outcome):
            print(in_full(outcome), flush=True)
    if wanted.truth_only:
        print("\n".join(show.refusals(done)))
    return conclude(done, time.monotonic() - started)


def conclude(done: list[Outcome], seconds: float) -> int:
    """The summary; the exit code."""
    figures = show.figures(done)
    for name in (
        "reachable",
        "first_request_lost",
        "diagnosis_seconds_median",
        "repair_outcomes",
        "by_family",
    ):
        print(f"{name}: {figures[name]}")
    judged = Counter(outcome.judgement for outcome in done)
    codes = Counter(
        cause.get("code")
        for outcome in done
        if outcome.prediction is not None
        for cause in outcome.prediction.report.get("causes", [])[:1]
    )
    print(f"first causes: {dict(codes.most_common())}")
    words = ", ".join(f"{count} {judgement}" for judgement, count in judged.most_common())
    print(f"kernel {platform.release()}: {len(done)} cases: {words} ({seconds:.0f} s in the guest)")
    wrong = sorted(each.plan.seed for each in done if each.judgement not in ("agree", "truth", "unknown"))
    mends = sorted(each.plan.seed for each in done if unmended(each))
    if wrong:
        print(f"not agreed: {wrong}")
    if mends:
        print(f"not mended: {mends}")
    return 1 if wrong or not done else 0


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    sys.exit(main())
