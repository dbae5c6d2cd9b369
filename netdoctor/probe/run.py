"""One run: taps first, then the probes, then what came of them."""

from __future__ import annotations

import errno
import select
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from functools import partial

from netdoctor.collect.live import LiveHost
from netdoctor.collect.nsenter import VanishedError
from netdoctor.facts.host import Missing
from netdoctor.facts.observed import KernelDrop, Observation, Packet, Sighting
from netdoctor.probe.bpf import program
from netdoctor.probe.drops import Drops
from netdoctor.probe.mark import MOST, fresh
from netdoctor.probe.pattern import Sought, alternatives
from netdoctor.probe.recognise import Recogniser
from netdoctor.probe.send import NotAllowed, Sender, open_sender
from netdoctor.probe.taps import KEPT, WHOLE, Capture, Tap, close_all
from netdoctor.probe.tracefs import remove_leftovers
from netdoctor.watch import Plan

#: Seconds between two probes; most answers come within, and then no second one is sent.
INTERVAL = 0.3
#: Namespaces that get a tap; a process may usually have 1024 descriptors, and the collectors keep theirs.
MOST_TAPS = 200
#: Packets kept of a run. The answers of a busy server's port pass the filter too, and are told apart afterwards.
MOST_CAPTURES = 20_000

#: Given the packets of a run, whole.
Keep = Callable[[list[Packet]], None]
#: Told of packets as the taps see them, those seen together in order; and of none, to show that time goes by. What it
#: raises ends the run.
Tell = Callable[[Sequence[Sighting]], None]
#: Seconds that go by at most until who is told is told again.
PULSE = 0.1


def observe(
    host: LiveHost, plan: Plan, keep: Keep | None = None, tell: Tell | None = None
) -> tuple[Observation | None, tuple[Missing, ...]]:
    """Send the probes and watch them; None, and why, where nothing could be sent. Nothing stays behind.

    `keep` gets the packets of the probe, whole, in the order of their time.
    """
    remove_leftovers()
    with ExitStack() as stack:
        try:
            run = _Run(host, plan, stack, KEPT if keep is None else WHOLE, tell)
        except (NotAllowed, VanishedError) as error:
            gone = isinstance(error, VanishedError)
            why = "the namespace of the source is gone" if gone else f"not permitted: {error}"
            return None, (Missing("a real packet", why, "ask again" if gone else "run netdoctor as root"),)
        if run.blind:
            why = "no tap can be opened in the namespace of the source (packet sockets, CONFIG_PACKET)"
            return None, (Missing("a real packet", why, "run netdoctor as root"),)
        run.go()
        packets = run.packets()
        if keep is not None:
            keep(packets)
        return run.observation([packet.seen for packet in packets]), ()


class _Run:
    """The run itself; everything that it opens is closed by `stack`."""

    def __init__(self, host: LiveHost, plan: Plan, stack: ExitStack, kept: int, tell: Tell | None) -> None:
        self._host = host
        self._kept = kept
        self._tell = tell
        self._plan = plan
        self._stack = stack
        self._missing: list[Missing] = []
        self._captures: list[Capture] = []
        self._lost = 0
        self._drops: Drops | None = None
        self._began = datetime.now(UTC)
        mark = fresh()
        self._refused: str | None = None
        self._sender = self._opened(lambda: open_sender(plan.ping, mark))
        sport = self._sender.port if self._sender is not None else 0
        self._sought = Sought(plan.ping, mark, sport, plan.ports, plan.vxlan)
        self._following = Recogniser(self._sought)
        self._taps = self._tapped(program(alternatives(self._sought), kept)) if self._sender else []
        self._start = time.monotonic()
        self._end = self._start

    def _opened(self, opening: Callable[[], Sender]) -> Sender | None:
        """Open the sender in its namespace; a refusal by the kernel (no route, say) is an outcome."""
        known = self._host.namespace(self._plan.ping.inode)
        if known is None:
            raise VanishedError("source")
        try:
            sender = self._host.pool.access(known.id).run(opening)
        except VanishedError:
            raise
        except OSError as error:
            self._refused = errno.errorcode.get(error.errno or 0, str(error.errno))
            return None
        self._stack.callback(sender.close)
        return sender

    def _tapped(self, code: bytes) -> list[Tap]:
        taps: list[Tap] = []
        self._stack.callback(close_all, taps)
        for inode in self._plan.watch[:MOST_TAPS]:
            known = self._host.namespace(inode)
            if known is None:
                continue
            try:
                tap = self._host.pool.access(known.id).run(partial(Tap, inode, code, self._kept))
            except OSError as error:
                why = error.strerror or str(error)
                self._missing.append(Missing(f"a tap in {known.id.label}", why, "run netdoctor as root"))
                continue
            taps.append(tap)
        if (left := len(self._plan.watch) - MOST_TAPS) > 0:
            what, why = f"taps in {left} further namespaces", f"no more than {MOST_TAPS} are watched"
            self._missing.append(Missing(what, why, "ask from a container nearer by"))
        return taps

    @property
    def blind(self) -> bool:
        """Nothing would be seen of what is sent: an answer that does not come would tell nothing."""
        return self._sender is not None and not any(tap.inode == self._plan.ping.inode for tap in self._taps)

    def go(self) -> None:
        """Send, one probe an interval, until one is answered or refused, or patience ends."""
        if self._sender is None:
            return
        sender, poll = self._sender, select.epoll()
        self._stack.callback(poll.close)
        for tap in self._taps:
            poll.register(tap.fileno(), select.EPOLLIN)
        watched: set[int] = set()
        deadline, following = self._start + self._plan.patience, self._start
        while not sender.answered and sender.refused is None:
            now = time.monotonic()
            if now >= deadline:
                break
            if sender.sent < MOST and now >= following:
                if sender.sent:
                    self._trace()
                sender.send()
                following = time.monotonic() + INTERVAL
                for fileno, events in sender.filenos():
                    if fileno not in watched:
                        watched.add(fileno)
                        poll.register(fileno, events)
            until = min(deadline, following) if sender.sent < MOST else deadline
            left = max(0.0, until - time.monotonic())
            poll.poll(left if self._tell is None else min(left, PULSE))
            sender.heard()
            self._read()
        self._end = time.monotonic()
        self._read()

    def _trace(self) -> None:
        """Follow the kernel's drops from the second probe on: switching that on takes longer than most answers."""
        if self._drops is None:
            self._drops = Drops(self._plan.ping)
            self._stack.callback(self._drops.close)

    def _read(self) -> None:
        before = len(self._captures)
        for tap in self._taps:
            caught = tap.read()
            kept = caught[: MOST_CAPTURES - len(self._captures)]
            self._captures += kept
            self._lost += len(caught) - len(kept)
        if self._tell is not None:
            new = sorted(self._captures[before:], key=lambda capture: capture.time)
            self._tell([packet.seen for packet in _recognised(self._following, new)])

    def packets(self) -> list[Packet]:
        """Return what was caught of the probe, in the order of time."""
        self._captures.sort(key=lambda capture: capture.time)
        return _recognised(Recogniser(self._sought), self._captures)

    def observation(self, sightings: list[Sighting]) -> Observation:
        """Put together what became of the probe, that was seen like this."""
        sender = self._sender
        drop = self._dropped(sightings)
        if self._drops is not None:
            self._missing += self._drops.missing
        lost = self._lost + sum(tap.lost() for tap in self._taps)
        if lost:
            why = "more packets came than the taps had room for, so that one may have been missed"
            self._missing.append(
                Missing(f"{lost} packets at the taps", why, "ask again when less is going on")
            )
        return Observation(
            self._began.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            round((self._end - self._start) * 1000, 3),
            sender.sent if sender else 0,
            len(sender.answered) if sender else 0,
            sender.refused if sender else self._refused,
            tuple(sightings),
            tuple(tap.inode for tap in self._taps),
            drop,
            lost,
            tuple(self._missing),
        )

    def _dropped(self, sightings: list[Sighting]) -> KernelDrop | None:
        """The kernel's word for the packet that was seen last."""
        if self._drops is None or (self._sender and self._sender.answered):
            return None
        passed = [one for one in sightings if one.kind in ("request", "answer")]
        heeded = [one for one in passed if not one.stray]  # of a flood, not the copy that came to a bystander
        last = next(reversed(heeded or passed), None)
        return self._drops.of(last, self._name(last) if last is not None else None)

    def _name(self, sighting: Sighting) -> str | None:
        ns = self._host.namespace(sighting.inode)
        link = None
        with suppress(OSError):
            link = ns.link(sighting.ifindex) if ns is not None else None
        return link.name if link is not None else None


def _recognised(recogniser: Recogniser, captures: Sequence[Capture]) -> list[Packet]:
    """Tell of each capture what it is to the probe; other traffic is left out."""
    found = []
    for capture in captures:
        caught = recogniser.recognise(capture.data)
        if caught is not None:
            place = (capture.time, capture.inode, capture.ifindex, capture.out)
            what = (caught.kind, caught.number, caught.source, caught.destination)
            seen = Sighting(*place, *what, capture.stray, caught.tunnel, caught.detail)
            found.append(Packet(seen, capture.link, capture.data))
    return found
