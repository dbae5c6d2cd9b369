"""How the app asks: in threads, one question at a time, and again by itself when the network changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from msgspec.structs import replace
from textual import work
from textual.app import App
from textual.worker import Worker, WorkerState, get_current_worker

from netdoctor.endpoints import Request
from netdoctor_tui.live.follower import Follower
from netdoctor_tui.live.passing import Hop
from netdoctor_tui.source import Answer, CancelledError
from netdoctor_tui.start import Start


class AskingApp(App[str]):
    """The part of the app that asks. What comes of it goes to `answered`, `progress` and `passed`."""

    def __init__(self, start: Start) -> None:
        super().__init__(ansi_color=True)
        self.start = start
        self.request = start.request
        self.follower = Follower(lambda because: self.call_soon(self._changed, because))
        self._worker: Worker[None] | None = None

    def answered(self, answer: Answer) -> None:
        """Take an answer."""
        raise NotImplementedError

    def progress(self, doing: str) -> None:
        """Say what is being done; nothing, where that is empty."""
        raise NotImplementedError

    def passed(self, hops: Sequence[Hop]) -> None:
        """Show where packets of ours have come by."""

    def call_soon(self, call: Callable[..., object], *words: object) -> None:
        """Have something done by the thread that draws, without waiting for it; from any thread."""
        with suppress(RuntimeError):  # the loop has ended: there is nobody left to do it
            self.call_later(call, *words)

    def follow(self, request: Request) -> None:
        """Ask a question, and go on asking it."""
        self.request = request
        self.follower.begin()
        self.ask(request)

    def ask(self, request: Request, *, probe: bool = False, because: tuple[str, ...] = ()) -> None:
        """Ask the source in a thread; an answer that is waited for still is given up."""
        if self.start.source.live:
            self.follower.began(probe=probe)
        self._worker = self._ask(request, probe, because)

    @property
    def asking(self) -> bool:
        """Whether an answer is waited for."""
        return self._worker is not None and not self._worker.is_finished

    def _changed(self, because: tuple[str, ...]) -> None:
        """Ask again, because the network has changed."""
        if self.request is not None and not self.asking:
            self.ask(self.request, because=because)

    @work(thread=True, exclusive=True, group="ask", exit_on_error=False)
    def _ask(self, request: Request, probe: bool, because: tuple[str, ...]) -> None:
        worker = get_current_worker()
        answer = self.start.source.ask(request, self.teller(), probe=probe, passed=self._passed)
        self.call_soon(self._answered, worker, replace(answer, because=because))

    def _passed(self, hops: Sequence[Hop]) -> None:
        self.call_soon(self.passed, tuple(hops))

    def _answered(self, worker: Worker[None], answer: Answer) -> None:
        """Take an answer, unless a newer one is waited for; one that nobody asked for is shown if it is news."""
        if worker is not self._worker:
            return
        if not self.start.source.live or self.follower.answered(answer):
            self.answered(answer)
        else:
            self.progress("")

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Take in that there will be no answer."""
        ended = event.state in (WorkerState.ERROR, WorkerState.CANCELLED)
        if event.worker is self._worker and ended and self.start.source.live and self.is_running:
            self.follower.failed(event.worker.error)

    def leave(self) -> bool:
        """Leave, from a signal handler; False where the app does not run."""
        if not self.is_running:
            return False
        self.call_soon(self.exit)
        return True

    def on_unmount(self) -> None:
        """Watch no more, and wait for no answer: what works on one takes away what it has put in place."""
        self.workers.cancel_all()
        self.follower.close()

    def teller(self) -> Callable[[str], None]:
        """What a worker tells how far it is; raises CancelledError where a newer one has taken its place."""
        worker = get_current_worker()

        def tell(doing: str) -> None:
            if worker.is_cancelled:
                raise CancelledError
            self.call_soon(self.progress, doing)

        return tell
