"""When to ask again after something has changed: soon, once a burst, and never so often that it costs. Pure."""

from __future__ import annotations

from netdoctor.collect.notice_words import Notice

#: Changes come in bursts: seconds of quiet to wait for, and how long a burst is waited for at most.
QUIET, CEILING = 0.15, 0.5
#: The same for what the kernel learns by itself: it seldom changes an answer.
QUIET_LEARNED, CEILING_LEARNED = 0.5, 1.0
#: After an answer to rest this many times what it took, doubled for each that brought nothing new; and at most so long.
REST, MOST_DOUBLED, LONGEST_REST = 4, 8, 1.2
REST_LEARNED, LONGEST_REST_LEARNED = 20, 4.0
#: Seconds behind packets of our own in which what is learned counts as learned from them.
OWN_EFFECTS = 0.5
#: Changes kept for people to read.
MOST_PENDING = 50
#: A host that forwards for many others learns all day: what is remembered of it is begun anew at this many entries.
MOST_KNOWN = 50_000


class News:
    """Tells what is news from what is only told again: a neighbour that is confirmed, a link whose counters moved."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], int | None] = {}

    def fresh(self, notice: Notice) -> bool:
        """Take a notice in, and tell whether it says something that was not known."""
        if notice.key is None:
            return True
        key = (notice.inode, *notice.key)
        state = None if notice.state is None else hash(notice.state)
        if key in self._known and self._known[key] == state:
            return False
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[key] = state
        return True


class Pace:
    """The moments at which to ask again. All times are seconds of one clock that never goes back."""

    def __init__(self) -> None:
        self.pending: list[Notice] = []
        self._first = self._last = 0.0
        self._began: float | None = None
        self._rested = self._rested_learned = 0.0
        self._doubled = 1
        self._sending, self._own_until = False, 0.0
        #: Whether all that is pending was learned by the kernel itself.
        self._learned = True

    def noticed(self, now: float, notice: Notice) -> None:
        """Take in a change. What the kernel learns while packets of our own are under way is our own doing."""
        if notice.learned and (self._sending or now < self._own_until):
            return
        if not self.pending:
            self._first = now
        self._last = now
        told = any((notice.inode, notice.text) == (one.inode, one.text) for one in self.pending)
        if not told and len(self.pending) < MOST_PENDING:
            self.pending.append(notice)
        self._learned &= notice.learned

    def due(self) -> float | None:
        """Return when to ask; None while nothing has changed, or it is being asked."""
        if not self.pending or self._began is not None:
            return None
        if self._learned:
            settled = min(self._last + QUIET_LEARNED, self._first + CEILING_LEARNED)
            return max(settled, self._rested, self._rested_learned)
        return max(min(self._last + QUIET, self._first + CEILING), self._rested)

    def taken(self) -> tuple[Notice, ...]:
        """Return what has changed since this was last called."""
        found, self.pending, self._learned = tuple(self.pending), [], True
        return found

    def began(self, now: float, sending: bool) -> None:
        """A question is being asked, by whomever; with `sending`, packets of our own are sent for it."""
        self._began, self._sending = now, sending

    def ended(self, now: float, differed: bool) -> None:
        """It is answered; `differed` tells whether the answer is another one than the last."""
        took = now - self._began if self._began is not None else 0.0
        if self._sending:
            self._own_until = now + OWN_EFFECTS
        self._began, self._sending = None, False
        self._doubled = 1 if differed else min(self._doubled * 2, MOST_DOUBLED)
        self._rested = now + min(took * REST * self._doubled, max(LONGEST_REST, took * 2))
        self._rested_learned = now + min(took * REST_LEARNED * self._doubled, LONGEST_REST_LEARNED)
