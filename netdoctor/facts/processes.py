"""Processes as far as a person is told of them."""

from __future__ import annotations

from netdoctor.facts.links import Record


class Process(Record, frozen=True):
    """A process: its id and name, and the command line (blanks between the words) where it was looked at."""

    pid: int
    name: str
    command: str | None = None


class Reader(Record, frozen=True):
    """The process behind a TUN or TAP device: what is sent by the device comes to it, and what it writes comes in."""

    ifindex: int
    process: Process
