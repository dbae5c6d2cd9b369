"""Two VTEPs that do not agree on VNI or UDP port: which one should follow the other, and how."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from netdoctor.case import Case
from netdoctor.fix.change import Fix
from netdoctor.fix.vxlan import ReplaceRemote
from netdoctor.kernel.endings import VxlanRefused
from netdoctor.kernel.packet import Place
from netdoctor_checks._vxlan import Sent, Vtep, target, vteps
from netdoctor_checks._vxlan_fixes import odd_first, recreate

WORDS = {"vni": "VNI", "port": "UDP port"}


def counterpart(case: Case, one: Sent, end: VxlanRefused) -> Vtep | None:
    """The VTEP of the receiving node that should have taken the packet."""
    here = [v for v in vteps(case, one.by.home) if v.home == end.at.inode and v.at != one.by.at]
    meant = target(case, one)
    if meant is not None and any(v.at == meant.at for v in here):
        return meant
    if meant is not None:
        return None
    named = [v for v in here if v.link.name == one.by.link.name]
    if named:
        return named[0]
    return here[0] if len(here) == 1 else None


def alternatives(case: Case, one: Sent, there: Vtep, field: str) -> Iterator[tuple[Place, Fix]]:
    """Where to change what, the likeliest first: the entry's own value, the odd device, the other device, the entry."""
    by, entry, theirs = one.by, one.entry, getattr(there.data, field)
    own = getattr(entry, field) if entry is not None else None
    at = by.at
    if entry is not None and own is not None and own != theirs and getattr(by.data, field) == theirs:
        plain = replace(entry, **{field: None})
        words = f"take the {WORDS[field]} {own} out of the entry for {entry.lladdr}"
        yield at, Fix(words, (ReplaceRemote(at.inode, entry, plain),))
        return
    for odd, value in odd_first(case, by, there, field):
        change = recreate(case, odd, **{field: value})
        if change is not None:
            words = f"make {case.where(odd.at)} anew with {WORDS[field]} {value}"
            yield odd.at, Fix(words, (change,), "medium")
    if entry is not None:
        explicit = replace(entry, **{field: theirs})
        words = f"send with {WORDS[field]} {theirs} to this node"
        yield at, Fix(words, (ReplaceRemote(at.inode, entry, explicit),), "medium")
