"""Work in threads, its progress on the screen, and what is done where it fails."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from textual.app import App
from textual.worker import Worker, WorkerState, get_current_worker

from netdoctor.errors import NetdoctorError
from netdoctor.render.sanitize import visible
from netdoctor.report import Report
from netdoctor_tui.source import CancelledError, Told

T = TypeVar("T")


class WorkingApp(App[Report]):
    """An app that works in threads. `doing` says what is being done, `failure` what made it end."""

    doing = ""
    failure: Exception | None = None

    def restate(self) -> None:
        """Show the state of the app on the screen in front."""

    def say(self, text: str, severity: str = "information") -> None:
        """Say something in passing. Nothing in it is markup."""
        self.notify(visible(text), severity=severity, timeout=4, markup=False)  # type: ignore[arg-type]

    def soon(self, what: Callable[[], object]) -> None:
        """Have something done by the thread that draws, without waiting for it; from any thread."""
        with suppress(RuntimeError):  # the loop has ended: there is nobody left to do it
            self.call_later(what)

    def job(self, group: str, work: Callable[[Told], T], then: Callable[[T], None]) -> Worker[None]:
        """Do something in a thread, and go on with its result; what is under way in the same group is given up."""

        def told(doing: str) -> None:
            if get_current_worker().is_cancelled:
                raise CancelledError
            self.soon(lambda: self._progress(doing))

        def body() -> None:
            result = work(told)
            if not get_current_worker().is_cancelled:
                self.call_from_thread(then, result)

        return self.run_worker(body, thread=True, exclusive=True, group=group, exit_on_error=False)

    def _progress(self, doing: str) -> None:
        self.doing = doing
        self.restate()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Say what went wrong where a person can do something about it; else leave with it."""
        if event.state in (WorkerState.SUCCESS, WorkerState.ERROR, WorkerState.CANCELLED):
            self.doing = ""
            self.restate()
        error = event.worker.error if event.state is WorkerState.ERROR else None
        if isinstance(error, NetdoctorError):
            self.say(str(error), "error")
        elif isinstance(error, Exception) and not isinstance(error, CancelledError):
            self._handle_exception(error)

    def _handle_exception(self, error: Exception) -> None:
        """Leave the screen as it was, and let whoever started the app tell of the error."""
        self.failure = self.failure or error
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        self._close_messages_no_wait()
