"""A thread that hears what changes in the namespaces of a question, and says when to ask again."""

from __future__ import annotations

import os
import resource
import select
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from netdoctor.collect import pulse
from netdoctor.collect.notice_words import Notice
from netdoctor.collect.notices import Ear
from netdoctor.facts.host import NamespaceId
from netdoctor_tui.live.focus import Focus
from netdoctor_tui.live.pace import News, Pace

#: Seconds between two looks at whether the namespaces are still there: until then a deleted one lives on through us.
LOOK = 0.4
#: Seconds between two looks at what nobody notifies of, at least; and the share of a processor that they may take.
PULSE, SHARE = 1.0, 0.02
#: Where names of namespaces come and go.
FOLDERS = ("/run/netns", "/run/docker/netns")
#: Namespaces heard at a time, those of the packet's own way first; each takes four descriptors.
MOST = 60

#: Descriptors that the collectors, the taps of a probe and the watcher take at most, and some for the rest.
DESCRIPTORS = 4096

Say = Callable[[tuple[Notice, ...]], None]


#: How `pulse` names a sysctl.
SYSCTL = "sysctl "


class Watcher:
    """Calls `say` with what has changed when it is time to ask again, from a thread of its own.

    It is told by `began` and `ended` when a question is asked, and by `watch` what matters.
    """

    def __init__(self, say: Say) -> None:
        self._say = say
        make_room()
        self._lock = threading.Lock()
        self._pace = Pace()
        self._news = News()
        self._focus: Focus | None = None
        self._ears: dict[int, Ear] = {}
        self._pulses: dict[int, pulse.Pulse] = {}
        #: Namespaces of which only the sysctls are known, as the answer has read them.
        self._unfelt: set[int] = set()
        self._listener: tuple[int, str, int] | None = None
        self._folders = _modified()
        self._lost = False
        self._next_look = self._next_pulse = self._next_thorough = 0.0
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="netdoctor-watcher", daemon=True)
        self._thread.start()

    def watch(self, focus: Focus) -> None:
        """Watch this from now on, in the place of what was watched."""
        with self._lock:
            self._focus = focus
        self._awake()

    def began(self, sending: bool = False) -> None:
        """A question is being asked: what changed before is in its answer."""
        with self._lock:
            self._pace.began(time.monotonic(), sending)

    def ended(self, differed: bool, lost: bool = False) -> None:
        """It is answered, with another answer than before or the same; `lost`: there is nobody to be asked about."""
        with self._lock:
            self._pace.ended(time.monotonic(), differed)
            self._lost = lost
        self._awake()

    def close(self) -> None:
        """End the thread, and let go of all namespaces."""
        self._closed = True
        self._awake()
        self._thread.join(2)

    def _awake(self) -> None:
        with suppress(OSError):
            os.eventfd_write(self._wake, 1)

    def _run(self) -> None:
        poll = select.epoll()
        poll.register(self._wake, select.EPOLLIN)
        try:
            while not self._closed:
                self._refocus(poll)
                poll.poll(self._timeout())
                with suppress(BlockingIOError):
                    os.eventfd_read(self._wake)
                self._hear()
                self._look(poll)
                self._speak()
        finally:
            for ear in self._ears.values():
                ear.close()
            poll.close()
            os.close(self._wake)

    def _timeout(self) -> float:
        with self._lock:
            due = self._pace.due()
        nearest = self._next_look if due is None else min(due, self._next_look)
        return max(0.0, nearest - time.monotonic())

    def _noticed(self, notices: Sequence[Notice]) -> None:
        now = time.monotonic()
        with self._lock:
            for notice in notices:
                if self._news.fresh(notice):
                    self._pace.noticed(now, notice)

    def _refocus(self, poll: select.epoll) -> None:
        """Open and close ears as the focus has it. What a new ear has missed before it was opened shows by asking."""
        with self._lock:
            focus, self._focus = self._focus, None
        if focus is None:
            return
        self._begin_pulses(focus)
        wanted = {one.inode: one for one in focus.namespaces[:MOST]}
        for inode in [inode for inode in self._ears if inode not in wanted]:
            self._drop(inode)
        missed = [
            one
            for inode, one in wanted.items()
            if inode not in self._ears and self._open(poll, one, focus.six)
        ]
        if missed:
            self._noticed([Notice(missed[0].inode, "everything", "first heard of now", learned=True)])

    def _begin_pulses(self, focus: Focus) -> None:
        """Begin from the sysctls that the answer has read; what else was known of a namespace stays known."""
        before, self._pulses = self._pulses, {}
        for namespace in focus.namespaces[:MOST]:
            inode = namespace.inode
            values = focus.sysctls.get(inode, {})
            others = {
                what: value for what, value in before.get(inode, {}).items() if not what.startswith(SYSCTL)
            }
            self._pulses[inode] = {**others, **{SYSCTL + name: value for name, value in values.items()}}
            if inode not in before:
                self._unfelt.add(inode)
        self._listener = focus.listener
        self._next_pulse = self._next_thorough = 0.0

    def _open(self, poll: select.epoll, namespace: NamespaceId, six: bool) -> bool:
        try:
            ear = Ear(namespace, six)
        except OSError:
            return False  # gone again, or not ours to enter: what is to be said of it stands in the report
        self._ears[namespace.inode] = ear
        for fd in ear.filenos():
            poll.register(fd, select.EPOLLIN)
        return True

    def _drop(self, inode: int) -> None:
        self._ears.pop(inode).close()  # closing takes its descriptors out of the poll
        self._pulses.pop(inode, None)
        self._unfelt.discard(inode)

    def _hear(self) -> None:
        for ear in self._ears.values():
            self._noticed(list(ear.hear()))

    def _look(self, poll: select.epoll) -> None:
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + LOOK
        for ear in [ear for ear in self._ears.values() if ear.gone()]:
            self._drop(ear.namespace.inode)
            self._noticed([Notice(ear.namespace.inode, "namespace", f"{ear.namespace.label} is gone")])
        folders = _modified()
        if folders != self._folders:
            self._folders = folders
            if (
                self._lost
            ):  # else a namespace that matters shows by its devices, and this one comes and goes elsewhere
                self._noticed([Notice(0, "namespace", "a namespace came or went")])
        if now >= self._next_pulse:
            self._take_pulses(now)

    def _take_pulses(self, now: float) -> None:
        thorough, began = now >= self._next_thorough, time.thread_time()
        for inode, ear in self._ears.items():
            before = self._pulses.get(inode, {})
            names = [what.removeprefix(SYSCTL) for what in before if what.startswith(SYSCTL)]
            listener = self._listener[1:] if self._listener and self._listener[0] == inode else None
            try:
                found = pulse.take(ear.access, names, listener, before, thorough)
            except OSError:
                continue
            if inode in self._unfelt:
                self._unfelt.discard(inode)
                before = {**found, **before}
            self._pulses[inode] = found
            self._noticed(
                [Notice(inode, "pulse", f"{what} changed") for what in pulse.differing(before, found)]
            )
        cost = (time.thread_time() - began) / SHARE
        self._next_pulse = now + max(PULSE, 0 if thorough else cost)
        if thorough:
            self._next_thorough = now + max(PULSE, cost)

    def _speak(self) -> None:
        with self._lock:
            due = self._pace.due()
            changes = self._pace.taken() if due is not None and due <= time.monotonic() else ()
        if changes:
            self._say(changes)


def make_room() -> None:
    """Raise the number of descriptors that this process may open: what is watched comes on top of what is read."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _modified() -> tuple[int, ...]:
    """When the folders of named namespaces were last changed; 0 for one that is not there."""
    return tuple(_mtime(folder) for folder in FOLDERS)


def _mtime(folder: str) -> int:
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return 0
