"""What the evaluator says of a probe through the router: the hooks in their order, connection tracking at its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

from msgspec.structs import replace

from netdoctor.kernel.netfilter.environment import Choose, Environment
from netdoctor.kernel.netfilter.model import Hook, Place
from netdoctor.kernel.netfilter.ruleset import Ruleset
from netdoctor.kernel.netfilter.seen import Seen, Tuple
from netdoctor.kernel.netfilter.traverse import Result, traverse
from tests.lab.nf_router import MACS, RST_ACK, SYN, Outcome, Probe

T = TypeVar("T")
Noted = tuple[tuple[tuple[Any, ...], bool], ...]

CONNTRACK = -200
#: include/uapi/linux/icmp.h and net/ipv4/icmp.c: the precedence of an ICMP error.
INTERNETCONTROL = 0xC0
MOST = 64


class Told(NamedTuple):
    """An outcome with the rules that led to it, and how often each was met."""

    outcome: Outcome
    story: tuple[str, ...]
    met: Counter[tuple[Place, int]]
    #: The router itself sends something (a rejection), or a branch that was not taken may count.
    noisy: bool


def predict(rules: Ruleset, env: Environment, probe: Probe) -> list[Told]:
    """All outcomes that the rules allow, the likely one first; more than one where something is undecided."""
    found: list[Told] = []
    scripts: list[tuple[int, ...]] = [()]
    while scripts and len(found) < MOST:
        script = scripts.pop(0)
        taken: list[tuple[int, int]] = []

        found.append(Conversation(rules, env, probe, Script(script, taken)).run())
        chosen = [index for index, _ in taken]
        for position in range(len(script), len(taken)):
            scripts.extend((*chosen[:position], other) for other in range(1, taken[position][1]))
    return found


class Script:
    """Chooses what is written down, then the first option; notes what it chose, of how many."""

    def __init__(self, script: tuple[int, ...], taken: list[tuple[int, int]]) -> None:
        self.script = script
        self.taken = taken

    def __call__(self, what: str, options: Sequence[T], /) -> T:
        """See `Choose`."""
        index = self.script[len(self.taken)] if len(self.taken) < len(self.script) else 0
        self.taken.append((index, len(options)))
        return options[index]


class Conversation:
    """The probe and its answer."""

    def __init__(self, rules: Ruleset, env: Environment, probe: Probe, choose: Choose) -> None:
        self.rules = rules
        self.env = env
        self.probe = probe
        self.choose = choose
        self.story: list[str] = []
        self.met: Counter[tuple[Place, int]] = Counter()
        self.noisy = False
        self.tracked = False
        self.ct_mark = 0
        #: As B receives it: its answer bears the same.
        self.tos = 0
        self.noted: Noted = ()

    def run(self) -> Told:
        """Walk both legs."""
        arrived = self._leg(self._request(), "NEW")
        answered = arrived and self._leg(*self._answer())
        return Told(Outcome(arrived, answered), tuple(self.story), self.met, self.noisy)

    def _request(self) -> Seen:
        p = self.probe
        icmp = p.proto == 1
        return Seen(
            iif="ra", src=p.src, dst=p.dst, proto=p.proto, ttl=p.ttl, tos=p.tos, length=p.length,
            sport=None if icmp else p.sport, dport=None if icmp else p.dport,
            icmp_type=8 if icmp else None, icmp_code=0 if icmp else None, tcp_flags=SYN if p.proto == 6 else 0,
            smac=MACS["a"], dmac=MACS["ra"],
            ct_original=Tuple(p.src, p.dst, p.sport, p.dport), ct_proto=p.proto,
            ct_reply=Tuple(p.dst, p.src, p.sport if icmp else p.dport, p.sport),
        )  # fmt: skip

    def _answer(self) -> tuple[Seen, str]:
        p = self.probe
        back = replace(
            self._request(), iif="rb", src=p.dst, dst=p.src, ttl=64, tos=self.tos,
            smac=MACS["b"], dmac=MACS["rb"], tcp_flags=0, icmp_type=0 if p.proto == 1 else None, ct_replying=True,
        )  # fmt: skip
        if p.proto == 1:
            return back, "ESTABLISHED"
        if p.proto == 6:
            return replace(back, sport=p.dport, dport=p.sport, tcp_flags=RST_ACK, length=40), "ESTABLISHED"
        tos = (self.tos & 0x1E) | INTERNETCONTROL
        length = min(p.length + 28, 576)
        error = replace(
            back, proto=1, icmp_type=3, icmp_code=3, sport=None, dport=None, tos=tos, length=length
        )
        return error, "RELATED"

    def _leg(self, seen: Seen, state: str) -> bool:
        """Prerouting, forwarding, postrouting."""
        seen = replace(seen, noted=self.noted)
        for hook in ("prerouting", "forward", "postrouting"):
            if hook == "forward":
                if seen.ttl <= 1:
                    self.story.append("ttl exceeded")
                    self.noisy = True
                    return False
                seen = replace(seen, oif="rb" if seen.iif == "ra" else "ra", ttl=seen.ttl - 1)
            passed = self._hook(hook, seen, state)
            if passed is None:
                return False
            seen = passed
        if seen.ct_state == "NEW":
            self.tracked = True
        self.tos, self.noted = seen.tos, seen.noted
        return True

    def _hook(self, hook: Hook, seen: Seen, state: str) -> Seen | None:
        chains = self.rules.base_chains(hook, ("ip", "inet"))
        early = [entry for entry in chains if entry[0].priority < CONNTRACK]
        late = [entry for entry in chains if entry[0].priority >= CONNTRACK]
        untracked = False
        if hook == "prerouting":
            seen = replace(seen, ct_state="INVALID", ct_mark=0)
            for base, place in early:
                result = traverse(self.rules, base, place, seen, self.env, self.choose)
                seen, untracked = result.seen, untracked or result.notrack
                if not self._passes(hook, result):
                    return None
            known = state == "NEW" or self.tracked
            state = "UNTRACKED" if untracked else state if known else "INVALID"
            seen = replace(seen, ct_state=state, ct_mark=self.ct_mark if known else 0)
        else:
            late = [*early, *late]
        for base, place in late:
            result = traverse(self.rules, base, place, seen, self.env, self.choose)
            seen = result.seen
            if result.ct_mark is not None:
                self.ct_mark = result.ct_mark
            if not self._passes(hook, result):
                return None
        return seen

    def _passes(self, hook: str, result: Result) -> bool:
        self.noisy = self.noisy or result.verdict == "reject" or bool(result.guessed)
        for hit in result.hits:
            if hit.rule is not None:
                self.met[hit.place, hit.number] += 1
            self.story.append(
                f"{hook} {hit.place.table} {hit.place.chain} {hit.number} {hit.verdict}: {hit.text}"
            )
        return result.verdict == "accept"
