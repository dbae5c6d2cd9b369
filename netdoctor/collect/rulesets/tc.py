"""Queueing disciplines and filters that may drop, delay or redirect a packet (tc(8), net/sched/).

A discipline that only queues is none of them: it forwards whatever there is room for.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from netdoctor.collect.access import Access
from netdoctor.collect.netlink import attribute, attributes
from netdoctor.collect.requests import BODY, RTM_GETLINK, RTM_GETQDISC, RTM_GETTFILTER, link_by_index
from netdoctor.facts.records import Ruleset

TCMSG = struct.Struct("=BxxxiIII")
TCA_KIND = 1
IFLA_IFNAME = 3
INGRESS_PARENT = 0xFFFFFFF2  # clsact; an ingress discipline answers to it as well
EGRESS_PARENT = 0xFFFFFFF3

QUIET = attribute(TCA_KIND, b"noqueue\0")

#: Disciplines that drop nothing while there is room, hold nothing back, and take no filter of their own accord.
PLAIN = frozenset(
    (
        "noqueue",
        "noop",
        "pfifo_fast",
        "pfifo",
        "bfifo",
        "pfifo_head_drop",
        "fq_codel",
        "fq",
        "mq",
        "codel",
        "sfq",
    )
)
#: Disciplines that do nothing without filters, and where these hang: at a fixed parent, or (none named) at the handle.
PARENTS: dict[str, dict[str, int]] = {
    "ingress": {"ingress": INGRESS_PARENT},
    "clsact": {"ingress": INGRESS_PARENT, "egress": EGRESS_PARENT},
    "prio": {},
}


def read(access: Access) -> Iterator[Ruleset]:
    """Yield one ruleset for every discipline that shapes and every hook with a filter. Raises OSError."""
    for message in access.route.dump(RTM_GETQDISC, TCMSG.pack(0, 0, 0, 0, 0)).messages():
        kind = (
            attributes(message, BODY + TCMSG.size).get(TCA_KIND, b"").rstrip(b"\0").decode("ascii", "replace")
        )
        if kind in PLAIN:
            continue
        _, ifindex, handle, _, _ = TCMSG.unpack_from(message, BODY)
        parents = PARENTS.get(kind)
        if parents is None:
            yield _ruleset(access, ifindex, "egress", f"queueing discipline {kind}", "qdisc")
        else:
            yield from _filters(access, ifindex, parents or {"egress": handle})


def _filters(access: Access, ifindex: int, parents: dict[str, int]) -> Iterator[Ruleset]:
    for direction, parent in parents.items():
        dump = access.route.dump(RTM_GETTFILTER, TCMSG.pack(0, ifindex, 0, parent, 0))
        if dump.messages():
            yield _ruleset(access, ifindex, direction, f"{direction} filters", "filter")


def _ruleset(access: Access, ifindex: int, direction: str, what: str, thing: str) -> Ruleset:
    name = _name(access, ifindex)
    command = ("tc", thing, "show", "dev", name, *((direction,) if thing == "filter" else ()))
    return Ruleset(kind="tc", family=direction, detail=f"{what} on {name}", command=command, ifindex=ifindex)


def _name(access: Access, ifindex: int) -> str:
    try:
        message = access.route.get(RTM_GETLINK, link_by_index(ifindex))
    except OSError:
        return f"if{ifindex}"
    name = attributes(message, BODY + 16).get(IFLA_IFNAME, b"").rstrip(b"\0")
    return name.decode("utf-8", "backslashreplace")
