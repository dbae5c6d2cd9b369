"""A packet on its way through a base chain: where it stands, what became of it, and how it left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec.structs import replace

from netdoctor.facts.links import Record
from netdoctor.kernel.netfilter import model as m
from netdoctor.kernel.netfilter.seen import Seen
from netdoctor.kernel.netfilter.view import View

Kind = Literal["accept", "drop", "reject", "queue", "altered"]


class Hit(Record, frozen=True):
    """A rule that matched (or the policy: `rule` None, number 0); `verdict` says what it did, in a word.

    It is `continue` for one that did nothing that matters here. A `broken` one ended at a later condition of its own,
    after it had done something: nft_do_chain() traces no such rule. `sure` tells that its conditions certainly held.
    """

    place: m.Place
    number: int
    text: str
    rule: m.FirewallRule | None
    verdict: str
    broken: bool = False
    sure: bool = True


def leading(hits: tuple[Hit, ...]) -> tuple[Hit, ...]:
    """The jumps that led to the chain of the last hit, outermost first; chains that returned are no part of it."""
    found: list[Hit] = []
    chain = hits[-1].place.chain if hits else ""
    for hit in reversed(hits[:-1]):
        if hit.verdict in (f"jump {chain}", f"goto {chain}"):
            found.append(hit)
            chain = hit.place.chain
    return tuple(reversed(found))


class Result(Record, frozen=True):
    """How the packet leaves a base chain.

    `seen` has its new marks and TTL; `ct_mark` is the connection's new mark, None if no rule set it. `translate` is
    what NAT makes of the connection: one address at most (masquerade and redirect leave it to the device). `met` are
    all rules that matched, and the policy. `guessed` are the texts of the rules that were undecided on the way; they do
    not count if every branch came to this end.
    """

    verdict: Kind
    seen: Seen
    reject: str | None = None
    ct_mark: int | None = None
    translate: m.Translate | None = None
    notrack: bool = False
    zone: int | None = None
    met: tuple[Hit, ...] = ()
    guessed: tuple[str, ...] = ()

    @property
    def hits(self) -> tuple[Hit, ...]:
        """The rules that did something; the last of them decided."""
        return tuple(hit for hit in self.met if hit.verdict != "continue")

    @property
    def traced(self) -> tuple[Hit, ...]:
        """What the kernel's own trace of this packet lists (nft_trace_packet(), ip_tables.c trace_packet())."""
        return tuple(hit for hit in self.met if not hit.broken)


class Branch:
    """A packet on its way: where it stands, where it returns to, and what became of it so far."""

    __slots__ = (
        "ct_mark", "end", "entered", "guessed", "index", "met", "notrack", "place", "rules",
        "seen", "stack", "statement", "translate", "view", "word", "zone",
    )  # fmt: skip

    def __init__(self, place: m.Place, rules: Sequence[m.FirewallRule], seen: Seen) -> None:
        self.place = place
        self.rules = rules
        self.index = 0
        #: The statement to go on with, -1 while the rule's matches are to be tested.
        self.statement = -1
        self.stack: tuple[tuple[m.Place, Sequence[m.FirewallRule], int], ...] = ()
        self.seen = seen
        self.view: View | None = None
        self.ct_mark: int | None = None
        self.translate: m.Translate | None = None
        self.notrack = False
        self.zone: int | None = None
        self.met: tuple[Hit, ...] = ()
        self.guessed: tuple[str, ...] = ()
        #: How many chains it has entered.
        self.entered = 0
        #: What the rule has done so far.
        self.word = ""
        self.end: tuple[Kind, str | None] | None = None

    def key(self, what: str) -> tuple[object, ...]:
        """What decides how it goes on from here; equal keys have equal futures."""
        stack = tuple((place, index) for place, _, index in self.stack)
        where = (what, self.place, self.index, self.statement, stack)
        return (*where, self.seen, self.ct_mark, self.notrack, self.zone)

    def untrack(self, statement: m.NoTrack) -> None:
        """Leave connection tracking, or take its zone. What belongs to a connection stays in it (xt_CT.c, nft_ct.c)."""
        if statement.zone is not None:
            self.zone, self.word = statement.zone, "zone"
        elif not self.seen.tracked:
            self.seen = replace(self.seen, ct_state="UNTRACKED", ct_status=())
            self.notrack, self.word = True, "notrack"

    def hit(self, rule: m.FirewallRule, word: str, broken: bool = False, sure: bool = True) -> None:
        """Note that the rule matched, and what it did."""
        self.met = (*self.met, Hit(self.place, rule.number, rule.text, rule, word, broken, sure))
        self.word = ""

    def leave(self, rule: m.FirewallRule, broken: bool = False) -> None:
        """Go on behind the rule; what it did stays done, also where a later condition of its own broke it off."""
        if self.word or not broken:
            self.hit(rule, self.word or "continue", broken)
        self.index += 1
        self.statement = -1

    def finish(self, rule: m.FirewallRule, verdict: Kind, reject: str | None = None, word: str = "") -> bool:
        """Leave the base chain by that rule."""
        self.hit(rule, word or verdict)
        self.end = (verdict, reject)
        return True

    def result(self) -> Result:
        """How the packet left."""
        verdict, reject = self.end or ("accept", None)
        return Result(
            verdict,
            self.seen,
            reject,
            self.ct_mark,
            self.translate,
            self.notrack,
            self.zone,
            self.met,
            self.guessed,
        )
