"""What is said of a name that nothing has: the nearest ones, and what may have been overlooked."""

from __future__ import annotations

from difflib import get_close_matches

from netdoctor.endpoints import containers
from netdoctor.facts.containers import NAMES, RUNTIMES, made_up
from netdoctor.facts.host import Host


def unknown(host: Host, given: str, text: str, kind: str | None = None) -> str:
    """Return why nothing is called `text`, with the nearest names of its kind, or of all kinds (None)."""
    known = containers.names(host, kind)
    if kind is None:
        known |= {name for ns in host.namespaces() for name in ns.names if not made_up(name)}
    near = get_close_matches(text if kind is None else f"{kind}:{text}", sorted(known), n=3, cutoff=0.5)
    unseen = _unseen(host, kind)
    if near:
        return f"nothing here is called {given}; did you mean {' or '.join(near)}?{unseen}"
    if known:
        listed = sorted(known)
        some = ", ".join(listed[:5]) + (f" and {len(listed) - 5} more" if len(listed) > 5 else "")
        return f"nothing here is called {given}; there are: {some}{unseen}"
    if kind is not None:
        what = "pod" if kind == "pod" else f"{RUNTIMES[kind]} container"
        return f"nothing here is called {given}: no {what} was found{unseen}"
    instead = "use pid:N, netns:PATH or an address"
    return f"nothing here is called {given}, and no namespace here has a name; {instead}{unseen}"


def _unseen(host: Host, kind: str | None) -> str:
    """Say what may be missing from the names, where a runtime could not be asked."""
    told = [part for part in host.missing if part.what.startswith(NAMES)]
    if kind is not None:
        told = [part for part in told if kind == "pod" or kind in part.what.lower()]
    return "".join(f"; {part.what} could not be read ({part.why})" for part in told[:2])
