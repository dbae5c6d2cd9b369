"""The kernel as second witness: each lookup of the walk beside what the running kernel answers to the same question.

What differs is shown, never smoothed over. Errors are compared as the kernel groups them: it answers EINVAL (EXDEV
before 6.18) to a blackhole, a martian and a failed reverse path alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from errno import errorcode

from netdoctor.kernel.query import FdbQuery, NeighbourQuery, Query, RouteAnswer, RouteQuery, Witness
from netdoctor.report import Agreement

_SAME_ERROR = {"EXDEV": "EINVAL"}


def compare(queries: Sequence[Query], witness: Witness) -> Agreement | None:
    """Ask the kernel every question once; None where there was none, or nobody left to ask."""
    asked = 0
    differences: list[str] = []
    for query in dict.fromkeys(queries):
        try:
            difference = disagreement(query, witness)
        except (OSError, LookupError):
            continue
        asked += 1
        if difference is not None:
            differences.append(difference)
    if not asked:
        return None
    if not differences:
        return Agreement(True, f"the kernel gives the same answer to all {asked} lookups on the way")
    return Agreement(False, f"{len(differences)} of {asked} lookups differ: " + "; ".join(differences))


def route_differences(queries: Sequence[Query], witness: Witness) -> int:
    """Count the route lookups to which the kernel answers otherwise: which fork the packet takes shows in them."""
    count = 0
    for query in dict.fromkeys(queries):
        if isinstance(query, RouteQuery):
            try:
                count += disagreement(query, witness) is not None
            except (OSError, LookupError):
                continue
    return count


def disagreement(query: Query, witness: Witness) -> str | None:
    """Say where the kernel's answer to one query differs from the twin's, or None."""
    if isinstance(query, RouteQuery):
        answer = witness.route(
            query.inode, query.dst, query.src, query.iif, query.oif, query.mark, 0, query.proto
        )
        mine, theirs = _route(query), _answer(answer)
        return None if mine == theirs else f"route to {query.dst}: twin {mine}, kernel {theirs}"
    if isinstance(query, NeighbourQuery):
        entry = witness.neighbour(query.inode, query.ifindex, query.dst)
        if entry is None or entry[1] is None or entry[1] == query.lladdr:
            return None
        return f"neighbour {query.dst}: twin {query.lladdr}, kernel {entry[1]}"
    if isinstance(query, FdbQuery):
        found = witness.fdb(query.inode, query.bridge, query.lladdr, query.vlan)
        if found is None or found.ifindex == query.port:
            return None
        return f"FDB entry {query.lladdr}: twin port {query.port}, kernel port {found.ifindex}"
    return None


def _route(query: RouteQuery) -> str:
    if query.error is not None:
        return _SAME_ERROR.get(query.error, query.error)
    return _way(query.kind, query.out, query.gateway)


def _answer(answer: RouteAnswer) -> str:
    if answer.kind == "error":
        name = errorcode.get(answer.errno, str(answer.errno))
        return _SAME_ERROR.get(name, name)
    return _way(answer.kind, answer.oif, answer.gateway)


def _way(kind: str, out: int | None, gateway: str | None) -> str:
    return f"{kind} out {out} via {gateway or '-'}" if kind == "unicast" else kind
