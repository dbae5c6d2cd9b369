"""How the app asks: one question at a time, and again by itself when the network changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace
from textual.worker import Worker, WorkerState

from netdoctor.endpoints import Request
from netdoctor.render.sanitize import visible
from netdoctor_tui.live.follower import Follower
from netdoctor_tui.live.passing import Hop, RuleMet
from netdoctor_tui.screens.confirm import ConfirmScreen
from netdoctor_tui.source import Answer, Told, Tracing
from netdoctor_tui.start import Start
from netdoctor_tui.work import WorkingApp


class AskingApp(WorkingApp):
    """The part of the app that asks. What comes of it goes to `answered` and `passed`."""

    def __init__(self, start: Start) -> None:
        super().__init__(ansi_color=True)
        self.start = start
        self.request = start.request
        self.follower = Follower(lambda because: self.soon(lambda: self._changed(because)))
        self._worker: Worker[None] | None = None
        self._asked = 0
        self._waiting = False

    def answered(self, answer: Answer) -> None:
        """Take an answer."""
        raise NotImplementedError

    def passed(self, hops: Sequence[Hop]) -> None:
        """Show where packets of ours have come by."""

    def traced(self, lines: Sequence[str] | None) -> None:
        """Show what TRACE tells as it comes in: that it begins (None), or more."""

    def follow(self, request: Request) -> None:
        """Ask a question, and go on asking it."""
        self.request = request
        self.follower.begin()
        self.ask(request)

    def ask(self, request: Request, *, probe: bool = False, because: tuple[str, ...] = ()) -> None:
        """Ask the source; an answer that is waited for still is given up."""
        source = self.start.source

        def work(told: Told) -> Answer:
            answer = source.ask(request, told, probe=probe, passed=lambda hops: self.soon(lambda: self.passed(hops)))
            return replace(answer, because=because)

        self._ask(work, probe)

    @property
    def can_trace(self) -> bool:
        """Whether a packet may be traced, which changes the system for as long as it takes."""
        return self.start.may_change and self.start.may_send and isinstance(self.start.source, Tracing)

    def ask_for_trace(self) -> None:
        """Say what tracing puts in place, and trace if that is wanted."""
        source, request = self.start.source, self.request
        if not self.can_trace or not isinstance(source, Tracing) or request is None:
            self.say("read only: tracing changes the system, and needs `netdoctor tui --allow-system-changes`")
            return

        def asked(lines: list[str]) -> None:
            if not lines:
                self.say("no namespace on the way has rules that could be traced")
                return
            wanted = "Trace a packet? Put in place for it, and taken away again at its end:"
            shown = [visible(line) for line in lines]
            self.push_screen(ConfirmScreen(wanted, shown, self.start.look), lambda yes: self._trace(request, bool(yes)))

        self.job("trace", lambda told: source.additions(request, told), asked)

    def _trace(self, request: Request, yes: bool) -> None:
        source = self.start.source
        if not yes or not isinstance(source, Tracing):
            return

        def say(line: str) -> None:
            self.soon(lambda: self.say(line))

        def met(rules: Sequence[RuleMet]) -> None:
            self.soon(lambda: self.traced([one.text for one in rules]))

        self.traced(None)
        self._ask(lambda told: source.trace(request, told, say, met), sending=True)

    def _ask(self, work: Callable[[Told], Answer], sending: bool) -> None:
        self._asked += 1
        number, self._waiting = self._asked, True
        if self.start.source.live:
            self.follower.began(probe=sending)
        self._worker = self.job("ask", work, lambda answer: self._take_in(number, answer))

    def _changed(self, because: tuple[str, ...]) -> None:
        """Ask again, because the network has changed."""
        if self.request is not None and not self._waiting:
            self.ask(self.request, because=because)

    def _take_in(self, number: int, answer: Answer) -> None:
        """Take an answer, unless a newer one is waited for; one that nobody asked for is shown if it is news."""
        if number != self._asked:
            return
        self._waiting = False
        if not self.start.source.live or self.follower.answered(answer):
            self.answered(answer)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Take in that there will be no answer."""
        ended = event.state in (WorkerState.ERROR, WorkerState.CANCELLED)
        if event.worker is self._worker and ended:
            self._waiting = False
            if self.start.source.live and self.is_running:
                self.follower.failed(event.worker.error)

    def leave(self) -> bool:
        """Leave, from a signal handler; False where the app does not run."""
        if self._loop is None or not self.is_running:
            return False
        # in the loop's own thread, but while it may be asleep: only this wakes it
        self._loop.call_soon_threadsafe(self.exit)
        return True

    def on_unmount(self) -> None:
        """Watch no more, and wait for no answer: what works on one takes away what it has put in place."""
        self.workers.cancel_all()
        self.follower.close()
