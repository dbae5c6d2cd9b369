"""The kernel's own word for why it freed a packet: skb:kfree_skb, read from a tracing instance of our own.

The events name neither namespace nor addresses, so they are joined by time: what the taps saw last, the tracepoints of
the devices (net:net_dev_queue, net:netif_receive_skb) saw at the same moment on a device of the same name, with the
address of the skb; a kfree_skb of that address right after is the packet's end. An skb that was used up (consume_skb)
may be given to another packet at once, hence "right after": that event itself would bring all of the host's netlink.
Source: Documentation/trace/ftrace.rst (instances), include/trace/events/skb.h and net.h.
"""

from __future__ import annotations

import re
import threading
import time
from contextlib import suppress

from netdoctor.facts.host import Missing
from netdoctor.facts.links import Record
from netdoctor.facts.observed import KernelDrop, Sighting
from netdoctor.kernel.conversation import Ping
from netdoctor.probe.tracefs import Instance, Unavailable

FREED, QUEUED, RECEIVED = "kfree_skb", "net_dev_queue", "netif_receive_skb"
#: A tap and a tracepoint see one packet within this many nanoseconds of each other, and its end comes that soon.
NEAR = 2_000_000
#: What tunnels and link layers add to a packet, at most.
ROOM = 300
#: A packet of more bytes is cut up, so that its length says nothing.
UNCUT = 1000
_LINE = re.compile(r"^.*-(\d+)\s+\[\d+\]\s+\S+\s+(\d+)\.(\d+): (\w+): (.*)$")
_FIELD = re.compile(r"(\w+)[=:] ?(\S+)")


class Event(Record, frozen=True):
    """One line of the trace; `time` in nanoseconds of CLOCK_REALTIME, `fields` as the event prints them."""

    time: int
    pid: int
    name: str
    fields: dict[str, str]


class Drops:
    """Follows drops from now on, until `close`. Where that cannot be had, `missing` says so, and that is all."""

    def __init__(self, ping: Ping) -> None:
        self.missing: list[Missing] = []
        self._thread = threading.get_native_id()  # what the kernel calls a pid
        self._instance: Instance | None = None
        self._offset = time.time_ns() - time.monotonic_ns()
        try:
            self._instance = Instance(_events(ping))
        except Unavailable as error:
            self.missing.append(Missing("the kernel's reason for a drop", str(error), error.remedy))

    def close(self) -> None:
        """Take the tracing instance away."""
        if self._instance is not None:
            self._instance.close()

    def of(self, last: Sighting | None, device: str | None) -> KernelDrop | None:
        """Return why the packet that was seen last, on `device`, was freed; without a sighting, why it never left."""
        if self._instance is None:
            return None
        events = parsed(self._instance.read(), self._offset)
        if last is None:
            return self._unsent(events)
        name = QUEUED if last.out else RECEIVED
        near = [
            event
            for event in events
            if event.name == name
            and event.fields.get("dev") == device
            and abs(event.time - last.time) <= NEAR
        ]
        start = min(near, key=lambda event: abs(event.time - last.time), default=None)
        return None if start is None else _end(events, start, device)

    def _unsent(self, events: list[Event]) -> KernelDrop | None:
        """What this thread itself freed before any device saw it: a rule of its own namespace, say."""
        for event in events:
            if event.pid == self._thread and event.name == FREED:
                return _word(event, None)
            if event.pid == self._thread and event.name == QUEUED:
                return None
        return None


def _events(ping: Ping) -> dict[str, str]:
    """The events to follow: IP packets that are freed, and those of the probe's length at devices."""
    short = {"icmp": 28 + ping.size, "tcp": 40, "udp": 28}[ping.proto]
    long = 60 if ping.proto == "tcp" else 28 + ping.size
    length = f"len >= {short} && len <= {long + ROOM}" if long <= UNCUT else ""
    return {
        f"skb/{FREED}": "protocol == 2048 || protocol == 34525",
        f"net/{QUEUED}": length,
        f"net/{RECEIVED}": length,
    }


def _end(events: list[Event], start: Event, device: str | None) -> KernelDrop | None:
    """Where the skb of `start` was freed."""
    address = start.fields.get("skbaddr")
    for event in events[events.index(start) + 1 :]:
        if event.time > start.time + NEAR:
            break
        if event.fields.get("skbaddr") == address and event.name == FREED:
            return _word(event, device)
    return None


def _word(event: Event, device: str | None) -> KernelDrop | None:
    reason, function = event.fields.get("reason"), event.fields.get("location", "?")
    if reason is None:  # before 5.17 the event has none
        return None
    return KernelDrop(reason, function.split("+", 1)[0], device)


def parsed(text: str, offset: int) -> list[Event]:
    """Return the events of a trace in the clock `mono`, in the order of their time; what is no event is passed over."""
    found = []
    for line in text.splitlines():
        with suppress(ValueError):
            match = _LINE.match(line)
            if match is None:
                continue
            pid, seconds, fraction, name, rest = match.groups()
            nanoseconds = int(seconds) * 1_000_000_000 + int(fraction.ljust(9, "0"))
            found.append(Event(nanoseconds + offset, int(pid), name, dict(_FIELD.findall(rest))))
    return sorted(found, key=lambda event: event.time)
