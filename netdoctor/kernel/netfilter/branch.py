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
    """A rule that matched and did something (or the policy: `rule` None, number 0); `verdict` says what, in a word."""

    place: m.Place
    number: int
    text: str
    rule: m.FirewallRule | None
    verdict: str


class Result(Record, frozen=True):
    """How the packet leaves a base chain.

    `seen` has its new marks and TTL; `ct_mark` is the connection's new mark, None if no rule set it. `translate` is
    what NAT makes of the connection: one address at most (masquerade and redirect leave it to the device). The last of
    `hits` decided. `guessed` are the texts of the rules that were undecided on the way; they do not count if every
    branch came to this end.
    """

    verdict: Kind
    seen: Seen
    reject: str | None = None
    ct_mark: int | None = None
    translate: m.Translate | None = None
    notrack: bool = False
    zone: int | None = None
    hits: tuple[Hit, ...] = ()
    guessed: tuple[str, ...] = ()


class Branch:
    """A packet on its way: where it stands, where it returns to, and what became of it so far."""

    __slots__ = (
        "ct_mark", "end", "guessed", "hits", "index", "notrack", "place", "rules",
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
        self.hits: tuple[Hit, ...] = ()
        self.guessed: tuple[str, ...] = ()
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

    def hit(self, rule: m.FirewallRule, word: str) -> None:
        """Note that the rule did something."""
        self.hits = (*self.hits, Hit(self.place, rule.number, rule.text, rule, word))
        self.word = ""

    def leave(self, rule: m.FirewallRule) -> None:
        """Go on behind the rule; what it did stays done."""
        if self.word:
            self.hit(rule, self.word)
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
            self.hits,
            self.guessed,
        )
