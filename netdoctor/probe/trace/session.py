"""A trace from beginning to end: listeners in the namespaces of the way, one probe, and what the kernel told of it."""

from __future__ import annotations

import os
import secrets
import select
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress

from msgspec.structs import replace

from netdoctor.collect.access import Access
from netdoctor.collect.firewall.tools import ToolError
from netdoctor.collect.live import LiveHost
from netdoctor.collect.netlink import NETLINK_NETFILTER, Conversation
from netdoctor.facts.host import Missing, Namespace
from netdoctor.facts.links import Record
from netdoctor.facts.traced import TraceEvent
from netdoctor.kernel.conversation import Ping
from netdoctor.kernel.walk import Walk
from netdoctor.probe.mark import TOKEN, fresh
from netdoctor.probe.send import Sender, open_sender
from netdoctor.probe.trace import legacy, nftables
from netdoctor.probe.trace.decode import Decoder
from netdoctor.probe.trace.listener import Listener, additions
from netdoctor.tracing.plan import Watch, answers, watches
from netdoctor.tracing.runs import numbered, once
from netdoctor.tracing.signature import PROTOCOLS, Signature

#: How long nothing may happen before a probe counts as lost: less than the second after which TCP sends again.
PATIENCE = 0.9
#: How long to go on listening behind the answer.
LINGER = 0.15

Say = Callable[[str], None]
#: Told of events as they come, and of none while nothing does. What it raises ends the trace.
Tell = Callable[[Sequence[TraceEvent]], None]
#: Seconds that go by at most until who is told is told again.
PULSE = 0.1


class Trace(Record, frozen=True):
    """What a trace gave: its events, of which backends it heard in which namespaces, whether the probe was answered.

    `ping` is what was sent, with its source port where that showed. `sent` is False where the kernel did not let the
    probe go (`refused`: the name of the errno). `handles` are those of the rules of the chains that were met, by
    namespace, family, table and chain. `lacking` is what could not be had.
    """

    ping: Ping
    events: tuple[TraceEvent, ...]
    heard: dict[int, tuple[str, ...]]
    sent: bool
    answered: bool
    refused: str | None
    handles: dict[tuple[int, str, str, str], list[int]]
    lacking: tuple[Missing, ...] = ()

    def handles_of(self, inode: int, family: str, table: str, chain: str) -> list[int] | None:
        """Return the handles of a chain's rules in order, where they were read."""
        return self.handles.get((inode, family, table, chain))


def trace(
    host: LiveHost,
    ping: Ping,
    walks: Sequence[Walk],
    further: Sequence[int | None],
    say: Say,
    rule: bool,
    tell: Tell | None = None,
) -> Trace:
    """Send one probe and have the kernel tell the rules it meets. `say` is told what is added and removed.

    `further` are namespaces to watch beside those of `walks`; with `rule`, TRACE rules are put in place of tables of
    nf_tables. Raises OSError where the probe cannot be sent at all.
    """
    mark, ident = fresh(), f"{os.getpid()}-{secrets.token_hex(4)}"
    with ExitStack() as stack:
        sender = _sender(host, ping, mark)
        stack.callback(sender.close)
        signature = Signature(
            PROTOCOLS[ping.proto],
            mark.token[: min(ping.size, TOKEN)],
            mark.ident,
            mark.isns,
            answers(walks, sender.port) if ping.proto == "udp" else (),
        )
        listeners, lacking = [], []
        for watch in watches(host, walks, further):
            ns = host.namespace(watch.inode)
            if ns is None:
                continue
            try:
                listener = _listener(host, ns, watch, signature, ident)
                stack.callback(_close, listener, ns.id.label, say)
                listener.open(rule)
            except (OSError, ToolError) as error:
                lacking.append(_lacking(ns, str(error)))
                continue
            listeners.append(listener)
            lacking += [_lacking(ns, what) for what in listener.lacking]
            say(f"trace: added in {ns.id.label}: {'; '.join(listener.added)}")
        events = _listen(sender, listeners, tell)
        lacking += [_lost(host, listener) for listener in listeners if listener.lost]
        handles = _handles(host, events)
    heard = {listener.watch.inode: tuple(sorted(listener.hears)) for listener in listeners}
    ordered = tuple(once(numbered(events)))
    known = replace(ping, picked=sender.port or _source_port(ordered))
    return Trace(
        known, ordered, heard, sender.sent > 0, bool(sender.answered), sender.refused, handles, tuple(lacking)
    )


def _sender(host: LiveHost, ping: Ping, mark: object) -> Sender:
    ns = host.namespace(ping.inode)
    if ns is None:
        raise OSError("the namespace of the source is gone")
    return _access(host, ns).run(lambda: open_sender(ping, mark))  # type: ignore[arg-type]


def _access(host: LiveHost, ns: Namespace) -> Access:
    return host.pool.access(ns.id)


def _listener(host: LiveHost, ns: Namespace, watch: Watch, signature: Signature, ident: str) -> Listener:
    def name(index: int) -> str | None:
        link = None
        with suppress(OSError):  # the namespace is gone
            link = ns.link(index)
        return link.name if link is not None else None

    return Listener(_access(host, ns), watch, signature, ident, Decoder(watch.inode, name))


def _close(listener: Listener, label: str, say: Say) -> None:
    added = listener.added
    listener.close()
    if added:
        say(f"trace: removed from {label}")


def foreseen(host: LiveHost, walks: Sequence[Walk], further: Sequence[int | None], rule: bool) -> list[str]:
    """Say what a trace of these walks would add and remove again, a line for each namespace."""
    lines = []
    for watch in watches(host, walks, further):
        ns = host.namespace(watch.inode)
        if ns is not None:
            logger = legacy.logger(_access(host, ns)) if watch.legacy else None
            lines.append(f"in {ns.id.label}: {'; '.join(additions(watch, rule, logger))}")
    return lines


def _listen(sender: Sender, listeners: Sequence[Listener], tell: Tell | None) -> list[TraceEvent]:
    """Send the probe and take in what comes, until nothing does any more."""
    events: list[TraceEvent] = []
    poll = select.epoll()
    with poll:
        for listener in listeners:
            poll.register(listener.fileno(), select.EPOLLIN)
        sender.send()
        for fd, mask in sender.filenos() if sender.sent else ():
            poll.register(fd, mask | select.EPOLLONESHOT)
        until = time.monotonic() + (PATIENCE if sender.sent else LINGER)
        while (left := until - time.monotonic()) > 0:
            happened = poll.poll(left if tell is None else min(left, PULSE))
            before = len(events)
            for listener in listeners:
                # While anybody on the machine traces, the kernel tells events of nft to whoever listens there.
                events.extend(event for event in listener.events() if event.backend in listener.hears)
            if tell is not None:
                tell(events[before:])
            sender.heard()
            done = bool(sender.answered) or sender.refused is not None
            if happened:
                until = time.monotonic() + (LINGER if done else PATIENCE)
    return events


def _source_port(events: Sequence[TraceEvent]) -> int | None:
    """The source port of a connection, as the first namespace saw it."""
    packets = (event.packet for event in events if event.leg == "request")
    return next((packet.sport for packet in packets if packet is not None and packet.sport), None)


def _handles(host: LiveHost, events: Sequence[TraceEvent]) -> dict[tuple[int, str, str, str], list[int]]:
    """The handles of all rules of the chains in which an event names one."""
    found: dict[tuple[int, str, str, str], list[int]] = {}
    for event in events:
        key = event.namespace or 0, event.family, event.table, event.chain
        ns = host.namespace(key[0])
        if event.handle is None or key in found or ns is None:
            continue
        try:
            conversation = _access(host, ns).run(lambda: Conversation(NETLINK_NETFILTER))
        except OSError:
            continue
        try:
            found[key] = nftables.handles(conversation, *key[1:])
        except OSError:
            continue
        finally:
            conversation.close()
    return found


def _lacking(ns: Namespace, why: str) -> Missing:
    return Missing(f"the trace in {ns.id.label}", why, "run netdoctor as root, on the host itself")


def _lost(host: LiveHost, listener: Listener) -> Missing:
    ns = host.namespace(listener.watch.inode)
    label = ns.id.label if ns is not None else f"netns {listener.watch.inode}"
    return Missing(f"a part of the trace in {label}", "more events came than could be taken in", "ask again")
