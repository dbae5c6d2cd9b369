"""CTK005: other flows to the same port are still treated as the rules were when they began."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.facts.connections import Entry
from netdoctor.kernel.netfilter.conntrack import Connection
from netdoctor.kernel.packet import IPPROTO_UDP, Place
from netdoctor.kernel.walk import Walk
from netdoctor_checks._connections import forget, led, listed

#: The fix names no more entries than this.
MOST = 16


@check("CTK005")
def stale_connections_remain(walk: Walk, case: Case) -> Iterator[Finding]:
    """A new datagram is answered, and an older flow to the same port is not.

    ## What it means
    The connection table holds an entry from the same client to the same port whose translation is not what the rules
    say now: it leads to an address that nobody has any more, or is not translated at all.

    ## Why it breaks the path
    It does not break this one: a new source port is a new connection. A client that keeps its port goes on with the
    entry that it has, since NAT is decided once (`nf_nat_inet_fn()`).

    ## See it yourself
    `conntrack -L -p udp --orig-dst ADDRESS` shows both kinds side by side. Ask about the old flow with
    `--source-port`.

    ## How to fix it
    Delete the stale entries with `conntrack -D`; the next packet of the flow then meets the rules.

    ## Often taken for
    An application that hangs: it works again after a restart, which gave it another port.
    """
    asked = walk.steps[0].carries
    if walk.known_flow or not walk.answered or getattr(asked, "proto", None) != IPPROTO_UDP:
        return
    for inode, connections in walk.connections.items():
        of_port = [one for one in connections if one.original.proto == IPPROTO_UDP]
        for fresh in [one for one in of_port if one.original.dport == getattr(asked, "dport", None)]:
            known = case.ns(inode).connections(IPPROTO_UDP, fresh.original.src, fresh.original.dst)
            stale = [entry for entry in known if _stale(case, entry, fresh)]
            if not stale:
                continue
            at, more = Place(inode, 0), f" ({len(stale) - 1} more like it)" if len(stale) > 1 else ""
            yield Finding(
                f"a tracked connection in {case.label(inode)} still {led(stale[0])}{more}",
                "New flows are translated as the rules say now; this one goes on as it began.",
                at,
                (listed(case, at, stale[0]),),
                forget(case, at, *stale[:MOST]),
                "prerouting",
            )


def _stale(case: Case, entry: Entry, fresh: Connection) -> bool:
    """The same client and port; sent elsewhere than a new flow, and to nobody, or translated where that is not."""
    one, back = fresh.original, fresh.reply
    if (entry.src, entry.dst, entry.dport) != (one.src, one.dst, one.dport):
        return False
    if entry.translated != ("DNAT" in fresh.status) or (entry.reply_dst == entry.src) != (back.dst == one.src):
        return True
    return entry.reply_src != back.src and not case.owners(entry.reply_src) and bool(case.owners(back.src))
