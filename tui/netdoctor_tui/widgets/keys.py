"""Textual's bindings out of the vocabulary of actions."""

from __future__ import annotations

from collections.abc import Iterable

from textual.binding import Binding, BindingType

from netdoctor_tui.actions import EVERYWHERE, LIST, PATH, Action

#: What a list itself does; left and right are the screen's.
OWN = tuple(one for one in LIST if one.name not in ("left", "right"))
SIDEWAYS = tuple(one for one in LIST if one.name in ("left", "right"))

__all__ = ["EVERYWHERE", "LIST", "OWN", "PATH", "SIDEWAYS", "bound"]


def bound(actions: Iterable[Action]) -> list[BindingType]:
    """Return the bindings of actions."""
    return [Binding(",".join(one.keys), one.name, one.label, show=one.rank > 0) for one in actions]
