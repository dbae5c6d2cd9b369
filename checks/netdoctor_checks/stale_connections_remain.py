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
        for fresh in connections:
            one = fresh.original
            if one.proto != IPPROTO_UDP or one.dport != getattr(asked, "dport", None):
                continue
            for entry in case.ns(inode).connections(one.proto, one.src, one.dst):
                if _stale(case, entry, fresh):
                    at, label = Place(inode, 0), case.label(inode)
                    title = f"a tracked connection in {label} still {led(entry)}"
                    text = "New flows are translated as the rules say now; this one goes on as it began."
                    proofs, fix = (listed(case, at, entry),), forget(case, at, entry)
                    yield Finding(title, text, at, proofs, fix, "prerouting")


def _stale(case: Case, entry: Entry, fresh: Connection) -> bool:
    """The same client and port; sent elsewhere than a new flow, and to nobody, or translated where that is not."""
    one, back = fresh.original, fresh.reply
    if (entry.src, entry.dst, entry.dport) != (one.src, one.dst, one.dport):
        return False
    if entry.translated != ("DNAT" in fresh.status) or (entry.reply_dst == entry.src) != (back.dst == one.src):
        return True
    return entry.reply_src != back.src and not case.owners(entry.reply_src) and bool(case.owners(back.src))
