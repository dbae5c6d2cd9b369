"""What is fuzzed: the readers of snapshots and of rules, and the walk through what they read.

Each target takes Hypothesis's `data` and starts from a recording, so that most of what it makes up is nearly right. It
raises nothing but what the reader's documentation says; that is the whole test.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec.structs import replace

from netdoctor.collection import Found, host_of_all
from netdoctor.diagnosis import diagnose
from netdoctor.endpoints import Request, resolve
from netdoctor.errors import Undecidable, UsageError
from netdoctor.facts.firewall import FirewallText, SetText
from netdoctor.facts.host import NamespaceFacts
from netdoctor.facts.sound import complaint
from netdoctor.kernel.netfilter.ruleset import Ruleset
from netdoctor.lab.fixtures import load_faults, load_networks
from netdoctor.lab.record import load_recording, recorded, request
from netdoctor.render.json import render_json
from netdoctor.render.style import Style
from netdoctor.render.text import render_text
from netdoctor.snapshot import Snapshot, SnapshotError, decode
from tests.split import homes, machines, split

Draw = Callable[[st.SearchStrategy[Any]], Any]

KEYS = sorted(key for key in load_faults() if key.endswith("/healthy"))
#: Words that stand for something in rules, addresses and names, and some that do not.
WORDS = (
    "", "-", "!", "*", "0", "-1", "65536", "4294967296", "1e9", "10.0.0.1", "10.0.0.0/33", "::1", "0x1/0xf", "a" * 300,
    "\x00", "\x1b[31m", "\u202e", "'", '"', "\\", "--", "-j", "DROP", "RETURN", "-m", "set", "limit", "comment", "-p",
    "tcp", "--dport", "1:0", "eth0+", "-s", "-d", "-i", "-g", ":X", "COMMIT", "#", "[0:0]", "nomatch", "timeout", "\n",
)  # fmt: skip
ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.integers(0, 40),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(WORDS),
    st.text(max_size=20),
    st.just([]),
    st.just({}),
    st.just([[[[]]]]),
).map(deepcopy)


@cache
def _raw(key: str) -> bytes:
    return gzip.decompress(recorded()[key].read_bytes())


@cache
def _tables() -> tuple[FirewallText, ...]:
    """Every table of rules in the recordings, once."""
    every = (
        text for key in sorted(recorded()) for ns in load_recording(key).namespaces for text in ns.firewall
    )
    return tuple(dict.fromkeys(every))


@cache
def _sets() -> tuple[SetText, ...]:
    every = (
        text for key in sorted(recorded()) for ns in load_recording(key).namespaces for text in ns.ipsets
    )
    return tuple(dict.fromkeys(every))


def snapshot_bytes(draw: Draw) -> None:
    """A snapshot with bytes cut out, put in or exchanged is read, or refused with a SnapshotError."""
    data = bytearray(_raw(draw(st.sampled_from(KEYS))))
    for _ in range(draw(st.integers(1, 4))):
        at, length = draw(st.integers(0, len(data))), draw(st.integers(0, 40))
        data[at : at + length] = draw(st.binary(max_size=40))
    try:
        snapshot = decode(bytes(data))
    except SnapshotError:
        return
    _ask(draw, [snapshot])


def snapshot_values(draw: Draw) -> None:
    """A snapshot with odd values in the place of some is refused, or answered."""
    tree = json.loads(_raw(draw(st.sampled_from(KEYS))))
    for _ in range(draw(st.integers(1, 6))):
        _change(draw, tree)
    try:
        snapshot = decode(json.dumps(tree).encode())
    except SnapshotError:
        return
    _ask(draw, [snapshot])


def snapshots_of_several(draw: Draw) -> None:
    """The same for several hosts: what joins them is made up too."""
    keys = [key for key in KEYS if len(machines(load_networks()[key.partition("/")[0]])) > 1]
    key = draw(st.sampled_from(keys))
    network = load_networks()[key.partition("/")[0]]
    parts = []
    for part in split(network, load_recording(key), homes(network, load_recording(key))).values():
        tree = msgspec.to_builtins(part)
        for _ in range(draw(st.integers(0, 3))):
            _change(draw, tree)
        try:
            parts.append(decode(json.dumps(tree).encode()))
        except SnapshotError:
            return
    _ask(draw, parts, key)


def rules(draw: Draw) -> None:
    """Saved rules, in each format, with words and lines exchanged: read as far as known, and walked."""
    table = draw(st.sampled_from(_tables()))
    changed = _mangled(draw, table.text)
    native = (
        _mangled(draw, table.native) if table.native is not None and draw(st.booleans()) else table.native
    )
    text = replace(table, text=changed, native=native)
    sets = tuple(replace(one, text=_mangled(draw, one.text)) for one in _sets()[:3])
    ruleset = Ruleset((text,), lambda: sets)
    for place in ruleset.places():
        ruleset.rules(place)
        ruleset.relevant(place, "10.0.0.1", "10.0.0.2")
    snapshot = load_recording(draw(st.sampled_from(KEYS)))
    _ask(draw, [replace(snapshot, namespaces=tuple(_ruled(ns, text, sets) for ns in snapshot.namespaces))])


def ipsets(draw: Draw) -> None:
    """An ipset with words exchanged."""
    one = draw(st.sampled_from(_sets()))
    text = replace(one, text=_mangled(draw, one.text))
    ruleset = Ruleset(_tables()[:1], lambda: (text,))
    for place in ruleset.places():
        ruleset.set(place, one.name)


TARGETS = (snapshot_bytes, snapshot_values, snapshots_of_several, rules, ipsets)


def _ruled(ns: NamespaceFacts, text: FirewallText, sets: tuple[SetText, ...]) -> NamespaceFacts:
    return replace(ns, firewall=(text,), ipsets=sets)


def _mangled(draw: Draw, text: str) -> str:
    """Text with some of its words or lines exchanged, doubled or left out."""
    lines = text.split("\n")
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(lines) - 1))
        words = lines[at].split(" ")
        place = draw(st.integers(0, len(words) - 1))
        what = draw(st.sampled_from(("word", "drop", "insert", "line", "cut", "swap")))
        if what == "word":
            words[place] = draw(st.sampled_from(WORDS))
        elif what == "drop":
            del words[place]
        elif what == "insert":
            words.insert(place, draw(st.one_of(st.sampled_from(WORDS), st.text(max_size=8))))
        lines[at] = " ".join(words)
        if what == "line":
            lines.insert(at, lines[draw(st.integers(0, len(lines) - 1))])
        elif what == "cut":
            length = draw(st.integers(0, len(lines[at])))
            lines[at] = lines[at][:length]
        elif what == "swap":
            other = draw(st.integers(0, len(lines) - 1))
            lines[at], lines[other] = lines[other], lines[at]
    return "\n".join(lines)


def _change(draw: Draw, tree: Any) -> None:
    """Exchange one value somewhere in a JSON tree, or take it away, or put another's in its place."""
    node = tree
    for _ in range(12):
        keys: list[Any] = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return
        key = draw(st.sampled_from(keys))
        if isinstance(node[key], dict | list) and node[key] and draw(st.integers(0, 9)):
            node = node[key]
            continue
        what = draw(st.integers(0, 5))
        if what == 0:
            del node[key]
        elif what == 1:
            node[key] = node[draw(st.sampled_from(keys))]
        else:
            node[key] = draw(ODD)
        return


def _ask(draw: Draw, snapshots: list[Snapshot], key: str | None = None) -> None:
    """Put a question to what was read, as the command does: a report that can be shown, or one of its errors."""
    if any(complaint(ns) for snapshot in snapshots for ns in snapshot.namespaces):
        return
    known = [name for snapshot in snapshots for ns in snapshot.namespaces for name in ns.id.names] or ["x"]
    asked = request(load_faults()[key]) if key else Request(*(draw(st.sampled_from(known)) for _ in "ab"))
    try:
        host = host_of_all([Found(f"{number}.json", one) for number, one in enumerate(snapshots)])
        report = diagnose(host, resolve(host, asked))
    except (SnapshotError, UsageError, Undecidable):
        return
    assert not report.crashed, report.crashed
    render_json(report)
    render_text(report, Style(color=False, unicode=True, width=100), verbose=True)
