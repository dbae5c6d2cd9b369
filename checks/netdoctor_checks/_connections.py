"""Tracked connections that stood before the question: which ones a walk met, their words, and how they are deleted."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Proof
from netdoctor.facts.connections import Entry
from netdoctor.fix import command
from netdoctor.fix.change import Fix
from netdoctor.fix.connections import ForgetConnection, words
from netdoctor.kernel.packet import Place


def met(case: Case) -> Iterator[tuple[Place, Entry]]:
    """Every entry that the request or its answer belonged to, the first one first."""
    for step in case.walk.steps:
        if step.stage == "conntrack" and step.facts and isinstance(step.facts[0], Entry):
            yield step.at, step.facts[0]


def led(entry: Entry) -> str:
    """What becomes of the flow, as a sentence's end."""
    flow = f"what {entry.src}:{entry.sport} sends to {entry.dst}:{entry.dport}"
    if entry.translated:
        return f"sends {flow} to {entry.reply_src}:{entry.reply_sport}"
    if (entry.reply_dst, entry.reply_dport) != (entry.src, entry.sport):
        return f"gives {flow} the source {entry.reply_dst}"
    return f"leaves {flow} untranslated"


def listed(case: Case, at: Place, entry: Entry) -> Proof:
    """The entry, and the command that shows it."""
    return Proof(f"it {led(entry)}", command.enter(case.id(at), ("conntrack", "-L", *words(entry))))


def forget(case: Case, at: Place, entry: Entry, *others: Entry) -> Fix:
    """Delete the entries."""
    flow = f"{entry.src}:{entry.sport} to {entry.dst}:{entry.dport}"
    more = f" and {len(others)} more" if others else ""
    changes = tuple(ForgetConnection(at.inode, one) for one in (entry, *others))
    return Fix(f"delete the tracked connection of {flow}{more} in {case.label(at)}", changes)
