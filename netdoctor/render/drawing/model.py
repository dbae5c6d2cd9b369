"""What is drawn, whatever the language: devices in the boxes of their namespaces, and the ways between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

#: How a way is drawn: the request's, the reply's, a copy's (flooding, ARP), one the packet ended on, a cable, and
#: forwarding that did not happen; the ends of a tunnel.
Way = Literal["request", "reply", "copy", "broken", "cable", "unused", "tunnel"]

#: Every way in words, in the order of a legend.
WAYS: dict[Way, str] = {
    "request": "request",
    "reply": "reply",
    "broken": "ends on this way",
    "copy": "copies, ARP",
    "cable": "cable",
    "unused": "not forwarded",
    "tunnel": "tunnel",
}


#: Signs of notes that say where a leg ends.
ENDS = ("╳", "?", "✓")


class Group(msgspec.Struct, frozen=True):
    """A namespace: its box and the words on it."""

    key: str
    label: str
    about: str = ""


class Note(msgspec.Struct, frozen=True):
    """A line beside a device. `sign` says whose it is: → request, ← reply, ╳ an end, ✓ an arrival, empty a fact."""

    sign: str
    text: str


class Vertex(msgspec.Struct, frozen=True):
    """A device. `state` is passed, ended, visited, unreached or plain; what is not `trunk` hangs at the side."""

    id: str
    group: str
    label: str
    kind: str
    state: str
    trunk: bool
    notes: tuple[Note, ...] = ()


class Bond(msgspec.Struct, frozen=True):
    """A way between two devices; a cable has no direction."""

    source: str
    target: str
    way: Way
    label: str = ""


class Diagram(msgspec.Struct, frozen=True):
    """A whole drawing. `title` is its headline, `about` what stands below it; vertices come in the order of the way."""

    title: str
    about: str
    groups: tuple[Group, ...]
    vertices: tuple[Vertex, ...]
    bonds: tuple[Bond, ...]


def foremost(notes: Sequence[Note], most: int) -> list[Note]:
    """Return at most so many notes, in their order: ends and arrivals first of all, then the first ones."""
    chosen = sorted(range(len(notes)), key=lambda number: (notes[number].sign not in ENDS, number))[:most]
    return [notes[number] for number in sorted(chosen)]


def room(note: Note) -> int:
    """Return how many characters of a note stand in a box: where a leg ends, its whole sentence."""
    return 200 if note.sign in ENDS else 72


def shortened(text: str, longest: int) -> str:
    """Return `text`, cut with an ellipsis where it is longer than `longest` characters."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
