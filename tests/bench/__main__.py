"""Measure whole commands, interleaved, and print ratios: absolute times say little about another machine.

`netdoctor why-no-ping` on a node with 10 and with 250 pods, and the shell loop that reads the same namespaces with ip
and bridge. Warm means that the two pods know each other's lladdr; cold that they must ask, so that the path includes an
ARP request which the bridge floods to every pod. The next part compares few rules of netfilter with many, and netdoctor
with the tool that lists them; the last one is about the first picture and the keys of the interactive view.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from statistics import median

from tests.bench import netfilter, view
from tests.bench.ask import ask
from tests.bench.node import NODE, forget, meet, node, pod

FEW, MANY = 10, 250
#: What must hold: the time with many pods over that with few; the time over the shell loop's.
GROWTH, SHARE = 1.3, 0.1

READS = ("ip -n {0} -j -d link", "ip -n {0} -j -d addr", "ip -n {0} -j -d route", "ip -n {0} -j -d rule",
         "ip -n {0} -j -d neigh", "bridge -n {0} -j fdb")  # fmt: skip


def netdoctor() -> float:
    """Time one diagnosis."""
    return ask("why-no-ping", f"netns:{pod(0)}", f"netns:{pod(1)}").wall


def shell_loop(pods: int) -> float:
    """Time the reading of the same namespaces by a shell."""
    names = [NODE, *(pod(n) for n in range(pods))]
    script = "\n".join(f"{read.format(name)} >/dev/null" for name in names for read in READS)
    begin = time.perf_counter()
    subprocess.run(["bash", "-e"], input=script, text=True, check=True)
    return time.perf_counter() - begin


def measure(runs: int, *, cold: bool) -> dict[str, float]:
    """Return the medians. The two sizes alternate, so that a slow minute of the machine meets both."""
    times: dict[str, list[float]] = {"few": [], "many": [], "shell": []}
    with node(2):
        netdoctor()  # writes the bytecode
    for _ in range(runs):
        for name, pods in (("few", FEW), ("many", MANY)):
            with node(pods):
                meet(0, 1)
                if cold:
                    forget(0, 1)
                times[name] += [netdoctor() for _ in range(3)]
                if name == "many" and len(times["shell"]) < 3:
                    times["shell"].append(shell_loop(pods))
    return {name: median(values) for name, values in times.items()}


def main() -> int:
    """Measure the parts, print, and return 1 where a ratio misses its target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=4, help="how often each network is built; default: 4")
    parser.add_argument("--cold", action="store_true", help="measure only with empty neighbour caches")
    parser.add_argument("--warm", action="store_true", help="measure only with filled ones")
    parser.add_argument("--netfilter", action="store_true", help="measure only few rules against many")
    parser.add_argument("--view", action="store_true", help="measure only the interactive view")
    args = parser.parse_args()
    if os.geteuid() != 0:
        raise SystemExit("bench: needs root, to build networks in namespaces")
    missed = False
    everything = not (args.warm or args.cold or args.netfilter or args.view)
    for label, wanted in (("warm", args.warm), ("cold", args.cold)):
        if not (wanted or everything):
            continue
        got = measure(args.runs, cold=label == "cold")
        growth, share = got["many"] / got["few"], got["many"] / got["shell"]
        print(
            f"{label}: {FEW} pods {got['few']:.3f} s, {MANY} pods {got['many']:.3f} s, shell {got['shell']:.3f} s"
        )
        print(f"{label}: {MANY} pods / {FEW} pods: {growth:.2f} (target: at most {GROWTH})")
        print(f"{label}: netdoctor / shell loop, {MANY} pods: {share:.3f} (target: below {SHARE})")
        missed = missed or growth > GROWTH or share >= SHARE
    if args.netfilter or everything:
        missed = netfilter.report(args.runs) or missed
    if args.view or everything:
        missed = view.report(args.runs) or missed
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
