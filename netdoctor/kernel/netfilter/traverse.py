"""One base chain with its user chains, as nft_do_chain() and ipt_do_table() walk it.

Where the facts do not decide (an unknown match, a limit, a random number), the traversal follows every branch itself,
and asks `choose` only if they come to different ends: a limit before a LOG makes no fork. Branches that meet again at
the same rule with the same packet are followed once.

Sources: net/ipv4/netfilter/ip_tables.c ipt_do_table(), net/netfilter/nf_tables_core.c nft_do_chain().
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

from msgspec.structs import replace

from netdoctor.kernel.netfilter import memory, rarer, statements
from netdoctor.kernel.netfilter import model as m
from netdoctor.kernel.netfilter.branch import Branch, Hit, Kind, Result
from netdoctor.kernel.netfilter.environment import Choose, Environment, Rules
from netdoctor.kernel.netfilter.matching import holds
from netdoctor.kernel.netfilter.seen import Seen
from netdoctor.kernel.netfilter.view import View

__all__ = ["Hit", "Result", "traverse"]

#: NFT_JUMP_STACK_SIZE; a deeper jump drops. Legacy tables size their stack by what is loaded.
NFT_JUMP_STACK_SIZE = 16
#: Loops are refused when they are loaded, but chains that jump to the next one twice each are not: 30 of them are as
#: many jumps as a kernel makes in seconds. What comes behind so many is not known here.
MAX_STACK = 1024
MAX_ENTERED = 2_000
#: More branches than this are not followed; the likely one stands for the rest.
MAX_BRANCHES = 512
_EITHER: tuple[Kind, ...] = ("accept", "drop")


def traverse(
    ruleset: Rules, base: m.Base, place: m.Place, seen: Seen, env: Environment, choose: Choose
) -> Result:
    """Walk the base chain `place` and return how the packet leaves it.

    `choose` is asked once, with all different results, where the facts leave more than one.
    """
    ends = _Traversal(ruleset, base, place, env).run(seen)
    different: dict[tuple[object, ...], Result] = {}
    for end in ends:
        effect = (end.verdict, end.reject, end.seen, end.ct_mark, end.translate, end.notrack, end.zone)
        different.setdefault(effect, end)
    results = list(different.values())
    if len(results) == 1:
        return results[0]
    texts = list(dict.fromkeys(text for result in results for text in result.guessed))
    return choose("; ".join(texts[:3]) + (" …" if len(texts) > 3 else ""), results)


class _Traversal:
    def __init__(self, ruleset: Rules, base: m.Base, place: m.Place, env: Environment) -> None:
        self.ruleset = ruleset
        self.base = base
        self.place = place
        self.env = env
        self.limit = NFT_JUMP_STACK_SIZE if place.backend == "nft" else MAX_STACK
        self.pending: list[Branch] = []
        self.forked: set[tuple[object, ...]] = set()
        self.branches = 1
        #: Rules never change a packet's addresses while it is in a chain.
        self.addresses = ("", "")

    def run(self, seen: Seen) -> list[Result]:
        """Follow all branches, the likely ones first."""
        self.addresses = (seen.src, seen.dst)
        self.pending.append(Branch(self.place, self._chain(self.place) or (), seen))
        ends: list[Result] = []
        while self.pending:
            state = self.pending.pop()
            while state.end is None and self._step(state):
                pass
            if state.end is not None:
                ends.append(state.result())
        return ends

    def _chain(self, place: m.Place) -> Sequence[m.FirewallRule] | None:
        try:
            return self.ruleset.relevant(place, *self.addresses)
        except KeyError:
            return None

    def _step(self, state: Branch) -> bool:
        """Go on to the next rule that matches and carry it out; False where this branch is given up for others."""
        if state.statement < 0:
            unsure = self._find(state)
            if unsure is not None and not self._fork_match(state, unsure):
                return False
            if state.statement < 0:
                return True
        rule = state.rules[state.index]
        while state.statement < len(rule.statements):
            statement = rule.statements[state.statement]
            state.statement += 1
            going = self._perform(state, rule, statement)
            if going is not None:
                return going
        state.leave(rule)
        return True

    def _find(self, state: Branch) -> tuple[m.Match, ...] | None:
        """Advance to a rule that holds, or (returning its undecided matches) may hold; else to the chain's end."""
        view = self._view(state)
        rules = state.rules
        for index in range(state.index, len(rules)):
            rule = view.rule = rules[index]
            unsure: tuple[m.Match, ...] = ()
            for match in rule.matches:
                held = holds(match, view)
                if held is None:
                    unsure = (*unsure, match)
                elif not held:
                    break
            else:
                if all(type(statement) is m.Pass for statement in rule.statements):
                    state.hit(rule, "continue", sure=not unsure)
                    continue
                state.index = index
                if unsure:
                    return unsure
                state.statement = 0
                return None
        state.index = len(rules)
        self._return(state)
        return None

    def _view(self, state: Branch) -> View:
        view = state.view
        if view is None or view.seen is not state.seen or view.place is not state.place:
            view = state.view = View(state.seen, self.env, self.ruleset, state.place)
        return view

    def _fork_match(self, state: Branch, unsure: tuple[m.Match, ...]) -> bool:
        """Take the rule and leave it, the likelier first; what is wholly unknown is more often left."""
        likely = all(isinstance(match, m.Chance) and match.likely != match.negated for match in unsure)
        both = self._fork(state, 2, state.rules[state.index].text)
        if both is None:
            return False
        for branch, taken in zip(both, (likely, not likely), strict=False):
            if taken:
                branch.statement = 0
            else:
                branch.index += 1
        return True

    def _fork(self, state: Branch, count: int, text: str) -> list[Branch] | None:
        """Split into `count` branches, this state being the first; None if another one has been here alike."""
        if count > 1:
            key = state.key(text)
            if key in self.forked:
                return None
            self.forked.add(key)
            state.guessed = (*state.guessed, text)
        count = max(1, min(count, MAX_BRANCHES - self.branches + 1))
        self.branches += count - 1
        others = [copy(state) for _ in range(count - 1)]
        self.pending.extend(reversed(others))
        return [state, *others]

    def _perform(self, state: Branch, rule: m.FirewallRule, statement: m.Statement) -> bool | None:
        """Carry one statement out; None to go on with the rule's next, else what `_step` returns."""
        match statement:
            case m.Pass():
                return None
            case m.SetMark():
                return self._mark(state, rule, statement)
            case rarer.MarkByMap():
                return self._mark_by_map(state, rule, statement)
            case m.SetTtl():
                state.seen, state.word = statements.with_ttl(statement, state.seen), "ttl"
                return None
            case m.SetTos():
                tos = ((state.seen.tos & ~statement.mask) ^ statement.value) & 0xFF
                state.seen, state.word = replace(state.seen, tos=tos), "tos"
                return None
            case memory.Remember():
                view = self._view(state)
                view.rule = rule
                changed = memory.noted(statement, view)
                if changed is None and not view.xtables:
                    state.leave(rule)
                    return True
                if changed is not None:
                    state.seen, state.word = changed, "set"
                return None
            case m.NoTrack():
                state.untrack(statement)
                return None
            case m.Demand():
                return self._demand(state, rule, statement)
            case m.Verdict():
                return self._verdict(state, rule, statement)
            case m.Reject():
                return state.finish(rule, "reject", statement.with_)
            case m.Translate():
                return self._translate(state, rule, [statement])
            case m.TranslateByMap():
                found = statements.translated(statement, self._view(state))
                return self._undecided(state, rule) if found is None else self._translate(state, rule, found)
            case m.Lookup():
                verdicts = statements.looked_up(statement, self._view(state))
                return (
                    self._undecided(state, rule) if verdicts is None else self._one_of(state, rule, verdicts)
                )
        return self._undecided(state, rule, isinstance(statement, rarer.Alters))

    def _mark(self, state: Branch, rule: m.FirewallRule, statement: m.SetMark) -> bool | None:
        changed = statements.marked(statement, state.seen)
        if changed is not None:
            state.seen, state.word = changed, "mark"
            state.ct_mark = changed.ct_mark if statement.ct else state.ct_mark
            return None
        view = self._view(state)
        view.rule = rule
        if statement.source != "ct" or view.xtables:
            return None
        # nft_ct_get_eval(): reading the mark of no connection breaks the rule off.
        state.leave(rule, broken=True)
        return True

    def _mark_by_map(self, state: Branch, rule: m.FirewallRule, statement: rarer.MarkByMap) -> bool | None:
        decided, mark = statements.mark_of(statement.by, self._view(state))
        if not decided:
            return self._undecided(state, rule)
        if mark is None:
            state.leave(rule, broken=True)
            return True
        return self._perform(state, rule, m.SetMark(mark, ct=statement.ct))

    def _demand(self, state: Branch, rule: m.FirewallRule, demand: m.Demand) -> bool | None:
        """Go on within the rule if its later conditions hold too, else behind it."""
        view = self._view(state)
        view.rule = rule
        held = [holds(match, view) for match in demand.matches]
        if all(held):
            return None
        if False in held:
            state.leave(rule, broken=True)
            return True
        branches = self._fork(state, 2, rule.text)
        if branches is None:
            return False
        branches[0].leave(rule, broken=True)
        return True

    def _undecided(self, state: Branch, rule: m.FirewallRule, alters: bool = False) -> bool | None:
        """A target that is not modelled: it may let the packet on, drop it, accept it, or make another one of it."""
        kinds: tuple[Kind, ...] = ("drop", "accept", "altered") if alters else ("drop", "accept")
        both = self._fork(state, 1 + len(kinds), rule.text)
        if both is None:
            return False
        for branch, kind in zip(both[1:], kinds, strict=False):
            branch.finish(rule, kind)
        return None

    def _one_of(self, state: Branch, rule: m.FirewallRule, verdicts: statements.Verdicts) -> bool:
        """Carry out a verdict that a map gave; where it may give several, each in a branch of its own."""
        branches = self._fork(state, len(verdicts), rule.text)
        if branches is None:
            return False
        for branch, verdict in zip(branches, verdicts, strict=False):
            if verdict is None:
                # A lookup that finds nothing breaks the rule off; what it did before stays done.
                branch.leave(rule, broken=True)
            elif self._verdict(branch, rule, verdict) is False:
                branch.end = branch.end or ("drop", None)
        return True

    def _verdict(self, state: Branch, rule: m.FirewallRule, verdict: m.Verdict) -> bool | None:
        """Carry out one verdict; None for `continue`, which goes on within the rule."""
        kind = verdict.kind
        if kind == "continue":
            return None
        if kind in ("jump", "goto"):
            return self._enter(state, rule, verdict)
        if kind == "return":
            state.hit(rule, "return")
            self._return(state)
            return True
        if kind == "accept":
            return state.finish(rule, "accept")
        if kind == "queue":
            if isinstance(verdict, rarer.ToQueue) and self._listened(verdict):
                return self._undecided(state, rule, alters=True)
            # Nobody listens: a bypass goes on behind this chain (nf_queue(), -ESRCH).
            return state.finish(rule, "accept" if verdict.bypass else "queue", word="queue")
        return state.finish(rule, "drop", word=kind)

    def _listened(self, verdict: rarer.ToQueue) -> bool:
        first, last = verdict.queues
        return any(first <= number <= last for number in self.env.queues())

    def _enter(self, state: Branch, rule: m.FirewallRule, verdict: m.Verdict) -> bool | None:
        place = m.Place(state.place.backend, state.place.family, state.place.table, verdict.chain or "")
        chain = self._chain(place)
        if chain is None:
            return self._undecided(state, rule)
        full = verdict.kind == "jump" and len(state.stack) >= self.limit
        if full and place.backend == "nft":
            return state.finish(rule, "drop")
        if full or state.entered > MAX_ENTERED:
            return self._given_up(state, rule)
        state.hit(rule, f"{verdict.kind} {place.chain}")
        state.entered += 1
        if verdict.kind == "jump":
            state.stack = (*state.stack, (state.place, state.rules, state.index + 1))
        state.place, state.rules, state.index, state.statement = place, chain, 0, -1
        return True

    def _given_up(self, state: Branch, rule: m.FirewallRule) -> bool:
        """Follow it no further: what is behind that rule may let the packet on, or drop it."""
        both = self._fork(state, 2, rule.text)
        if both is None:
            return False
        for branch, kind in zip(both, _EITHER, strict=False):
            branch.finish(rule, kind)
        return True

    def _return(self, state: Branch) -> None:
        """Back to the caller of the last jump; from the base chain, or from what it went to, to the policy."""
        if state.stack:
            state.place, state.rules, state.index = state.stack[-1]
            state.stack = state.stack[:-1]
            state.statement = -1
            return
        policy = self.base.policy
        state.met = (*state.met, Hit(self.place, 0, f"policy {policy}", None, policy))
        state.end = (policy, None)

    def _translate(
        self, state: Branch, rule: m.FirewallRule, options: Sequence[m.Translate | None]
    ) -> bool | None:
        """End the chain with a translation, in a branch for each that is possible."""
        every: list[m.Translate | None] = []
        text = rule.text
        for option in options:
            if option is None:
                every.append(None)
                continue
            found, complete = statements.targets(option, self.base.hook, state.seen)
            every.extend(found)
            if not complete:
                state.guessed = (*state.guessed, text)
        branches = self._fork(state, len(every), text)
        if branches is None:
            return False
        for branch, translate in zip(branches, every, strict=False):
            if translate is None:
                branch.leave(rule, broken=True)
            else:
                branch.translate = translate
                branch.finish(rule, "accept", word=translate.kind)
        return True
