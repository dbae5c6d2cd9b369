"""The walk: a queue of frames in flight, what they leave behind, and every step they take.

Frames are handled in the order in which the kernel's per-CPU backlog would (net/core/dev.c process_backlog()), so that
learning and neighbour resolution happen in their real order. The state that a walk leaves behind (neighbours, FDB
entries) is what its reply meets. Where the kernel decides by a hash or a race, `choose` forks: the driver walks again
with the next script until all outcomes are known.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from itertools import pairwise
from typing import Any, TypeVar

from msgspec.structs import replace

from netdoctor.facts.host import Host, Namespace
from netdoctor.facts.links import Link, Record
from netdoctor.kernel.endings import Ending, Looped, NotModelled
from netdoctor.kernel.netfilter.conntrack import Connection
from netdoctor.kernel.netfilter.traversal import Traversal
from netdoctor.kernel.packet import Arp, Asker, Flow, Frame, Ip, Leg, Place
from netdoctor.kernel.query import Query

T = TypeVar("T")

#: A network without a loop needs far fewer; what exceeds it is a storm.
MAX_STEPS = 25_000


class Step(Record, frozen=True):
    """One thing that happened. `parent` is the step before it (-1 for the first); `facts` are what decided."""

    parent: int
    at: Place
    stage: str
    action: str
    detail: str
    carries: Frame | Ip | Arp
    facts: tuple[Record, ...] = ()


class Learned(Record, frozen=True):
    """A neighbour as this walk has it: an lladdr, or None while it is being asked for."""

    lladdr: str | None
    answered: bool = True


class StormError(RuntimeError):
    """One frame has led to more steps than any network without a loop needs."""


class VanishedError(LookupError):
    """A namespace or device that the packet was in is gone, or was never visible."""

    def __init__(self, at: Place) -> None:
        super().__init__(f"{at.inode}/{at.ifindex}")
        self.at = at


class Walk:
    """One run of the conversation through a host's facts. `script` fixes the choices already explored.

    A walk that is not `exact` leaves out the copies of a flooded ARP request that certainly nobody heeds.
    """

    def __init__(self, host: Host, script: Sequence[int] = (), exact: bool = True) -> None:
        self.host = host
        self.exact = exact
        self.steps: list[Step] = []
        self.endings: list[Ending] = []
        self.queries: list[Query] = []
        self.traversals: list[Traversal] = []
        self.neighbours: dict[Asker, Learned] = {}
        self.pending: dict[Asker, list[tuple[Ip, int]]] = {}
        self.fdb: dict[tuple[int, int, int, str], int] = {}
        self.connections: dict[int, list[Connection]] = {}
        #: What rules of a namespace have noted in sets (`netfilter.memory`).
        self.noted: dict[int, tuple[tuple[tuple[Any, ...], bool], ...]] = {}
        self.remotes: dict[tuple[int, int, str], str] = {}
        #: Where WireGuard peers were heard from, by device and public key.
        self.endpoints: dict[tuple[Place, str], tuple[str, int]] = {}
        self.wired: dict[Place, frozenset[str]] = {}
        self.nested = 0
        self.answered = False
        self.asker: int | None = None
        self.target: str | None = None
        #: The address from which the asking socket is connected; None for ping's, which is not.
        self.bound: str | None = None
        self.known_flow = False
        self.reply_from: int | None = None
        self.choices: list[tuple[str, int, int]] = []
        self._script = tuple(script)
        self._chosen: dict[Hashable, int] = {}
        self._queue: deque[Callable[[], None]] = deque()
        self._seen: dict[tuple[Place, Frame], int] = {}
        self._rounds: dict[tuple[object, ...], list[int]] = {}

    def namespace(self, inode: int) -> Namespace:
        """Return the namespace of a place that the packet is in; raises VanishedError if it is gone."""
        found = self.host.namespace(inode)
        if found is None:
            raise VanishedError(Place(inode, 0))
        return found

    def link(self, place: Place) -> Link:
        """Return the device at `place`; raises VanishedError if it is gone."""
        found = self.namespace(place.inode).link(place.ifindex)
        if found is None:
            raise VanishedError(place)
        return found

    def step(
        self,
        parent: int,
        at: Place,
        stage: str,
        action: str,
        detail: str,
        carries: Frame | Ip | Arp,
        facts: tuple[Record, ...] = (),
    ) -> int:
        """Record a step and return its number. Raises StormError where there are too many by far."""
        if len(self.steps) > 2 * MAX_STEPS:
            raise StormError
        self.steps.append(Step(parent, at, stage, action, detail, carries, facts))
        return len(self.steps) - 1

    def end(self, ending: Ending) -> None:
        """Record that a frame went no further."""
        self.endings.append(ending)

    def later(self, task: Callable[[], None]) -> None:
        """Put a task behind what is already in flight."""
        self._queue.append(task)

    def choose(self, what: str, options: Sequence[T], same: Hashable = None) -> T:
        """Return the option that this run's script takes where the kernel's choice cannot be known.

        `same` names a choice that turns out alike each time: what a hash decided once, it decides again.
        """
        if same is not None and same in self._chosen:
            return options[self._chosen[same]]
        position = len(self.choices)
        index = self._script[position] if position < len(self._script) else 0
        self.choices.append((what, index, len(options)))
        if same is not None:
            self._chosen[same] = index
        return options[index]

    def seen(self, at: Place, frame: Frame, step: int) -> bool:
        """Tell whether this very frame passed here before (a loop), and end it if so."""
        key = (at, frame)
        self._seen[key] = self._seen.get(key, 0) + 1
        if self._seen[key] <= 2:
            return False
        self.end(Looped(frame.flow, at, step, frame))
        return True

    def later_round(self, at: Place, frame: Frame) -> Frame:
        """Return a packet that goes round in circles as it is one or two rounds before its TTL runs out.

        Each round costs it the same; what happens in the rounds between is what happened in the first ones.
        """
        packet = frame.payload
        if not isinstance(packet, Ip) or packet.inner is not None:
            return frame
        key = (at, frame.dst, packet.src, packet.dst, packet.proto, packet.sport, packet.mark, packet.flow)
        ttls = self._rounds.setdefault(key, [])
        ttls.append(packet.ttl)
        if len(ttls) < 4 or len({old - new for old, new in pairwise(ttls[-4:])}) != 1:
            return frame
        spent = ttls[-2] - ttls[-1]
        if spent <= 0 or packet.ttl <= 2 * spent:
            return frame
        left = spent + packet.ttl % spent
        ttls.clear()
        return replace(frame, payload=replace(packet, ttl=left))

    def run(self) -> None:
        """Handle everything in flight until nothing moves any more, or a storm is certain."""
        while self._queue:
            try:
                if len(self.steps) > MAX_STEPS:
                    raise StormError
                self._queue.popleft()()
            except VanishedError as gone:
                what = "a namespace or device that vanished while the packet was on its way"
                self.end(NotModelled(Flow(self.leg), gone.at, len(self.steps) - 1, what))
            except (StormError, RecursionError):
                self._queue.clear()
                last = self.steps[-1]
                if isinstance(last.carries, Frame):
                    self.end(Looped(Flow(self.leg), last.at, len(self.steps) - 1, last.carries))

    @property
    def leg(self) -> Leg:
        """The leg that is under way: the reply's once a request was answered."""
        return "reply" if self.reply_from is not None else "request"

    def chain(self, step: int) -> list[int]:
        """Return the numbers of the steps that led to `step`, first one first, `step` included."""
        numbers = []
        while step >= 0:
            numbers.append(step)
            step = self.steps[step].parent
        return numbers[::-1]

    def leg_endings(self, leg: Leg) -> list[Ending]:
        """Return the endings of the echo itself on that leg."""
        return [end for end in self.endings if end.flow.leg == leg and not end.flow.arp]
