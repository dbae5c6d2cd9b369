"""What rules write down about packets in sets, while a walk goes on: `add @set`, `-j SET --add-set`.

What was there before is in the facts. Sources: net/netfilter/nft_dynset.c, xt_set.c.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec.structs import replace

from netdoctor.kernel.netfilter import membership
from netdoctor.kernel.netfilter import model as m
from netdoctor.kernel.netfilter.seen import Seen
from netdoctor.kernel.netfilter.view import View

#: Which set, which element, and whether it is in.
Note = tuple[tuple[Any, ...], bool]


class Remember(m.Statement, frozen=True):
    """Adds the packet's `fields` to a set, or deletes them from it. In nftables the rule breaks off without a field."""

    set: str
    fields: tuple[str, ...]
    what: Literal["add", "delete"] = "add"


def noted(statement: Remember, view: View) -> Seen | None:
    """Return the packet with what is now written down about it; None where it lacks one of the fields."""
    keys = _keys(view, statement.set, statement.fields)
    if not keys:
        return None
    added = statement.what == "add"
    kept = tuple(note for note in view.seen.noted if note[0] not in keys)
    return replace(view.seen, noted=(*kept, *((key, added) for key in keys)))


def holds(view: View, name: str, fields: tuple[str, ...]) -> bool | None:
    """Tell whether the packet's fields are in a set, by what is written down or else by the facts; None: undecided."""
    known = noted_in(view, name, fields)
    if known is not None:
        return known
    found = view.rules.set(view.place, name)
    if found is None or not found.known:
        return None
    answer = membership.find(found.elements, fields, view.seen, found.exceptions)
    return False if answer is None else answer[0]


def noted_in(view: View, name: str, fields: tuple[str, ...]) -> bool | None:
    """Return what the walk itself wrote down about the packet in that set; None: nothing."""
    if not view.seen.noted:
        return None
    keys = _keys(view, name, fields)
    return next((there for key, there in view.seen.noted if key in keys), None)


def _keys(view: View, name: str, fields: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """The packet's values of the fields, in the ways in which elements are written."""
    place = view.place
    scope = ("", "", name) if view.xtables else (place.family, place.table, name)
    return [(*scope, *values) for values in membership.values_of(fields, view.seen)]
