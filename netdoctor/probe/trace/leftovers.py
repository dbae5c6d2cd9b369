"""What traces have left behind that were killed: found by their notes, or by their names, and taken away."""

from __future__ import annotations

from contextlib import suppress

from netdoctor.collect.firewall.tools import ToolError
from netdoctor.collect.live import LiveHost
from netdoctor.probe.trace.claim import BusyError, Claim, left_behind
from netdoctor.probe.trace.listener import tidy


def clean(host: LiveHost, thorough: bool = False) -> list[str]:
    """Remove what is left of killed traces, and say what it was.

    Their notes tell in which namespaces; a `thorough` search goes through all that are visible. Of traces that still go
    on nothing is touched.
    """
    done = []
    for claim in left_behind():
        done += _tidied(host, claim, claim.left.inode if claim.left is not None else None)
    for known in host.namespaces() if thorough else ():
        with suppress(BusyError):
            done += _tidied(host, Claim(known.inode, 0), known.inode)
    return done


def _tidied(host: LiveHost, claim: Claim, inode: int | None) -> list[str]:
    ns = host.namespace(inode) if inode is not None else None
    if ns is None:
        claim.release()  # gone, and everything in it
        return []
    try:
        done = tidy(host.pool.access(ns.id), claim)
    except (OSError, ToolError) as error:
        claim.leave()
        return [f"nothing yet in {ns.id.label}: {error}"]
    claim.release()
    return [f"{what} in {ns.id.label}" for what in done]
