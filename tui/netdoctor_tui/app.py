"""The app: one source, the answers it has given, and the two screens over them. Work is done in threads of its own."""

from __future__ import annotations

from textual import work
from textual.worker import Worker, WorkerState

from netdoctor.endpoints import Request
from netdoctor.errors import NetdoctorError
from netdoctor.render.sanitize import cleaned, visible
from netdoctor.report import Report
from netdoctor_tui.asking import AskingApp
from netdoctor_tui.screens.hosts import HostsScreen
from netdoctor_tui.screens.path import PathScreen
from netdoctor_tui.source import Answer, CancelledError, Inventory
from netdoctor_tui.start import Start
from netdoctor_tui.timeline import Timeline


class NetdoctorApp(AskingApp):
    """The interactive view. It returns what is to be printed once it is left, or None."""

    CSS = """
    Screen { background: ansi_default; color: ansi_default; }
    #headline { height: auto; min-height: 1; }
    #filter { display: none; }
    #filter.-open { display: block; }
    """
    ENABLE_COMMAND_PALETTE = True

    def __init__(self, start: Start) -> None:
        super().__init__(start)
        self.theme = "ansi-dark"
        self.title = "netdoctor"
        self.timeline = Timeline()
        self.failure: Exception | None = None
        self.doing = ""
        self._hosts: HostsScreen | None = None
        self._path: PathScreen | None = None
        self._cleaned: dict[int, tuple[Report, Report]] = {}

    def on_mount(self) -> None:
        """Open the screen to begin with, and start the work for it."""
        saved = self.start.source.saved
        if saved is not None:
            self.open_path()
            self.answered(Answer(saved))
        elif self.start.request is not None:
            self.open_question(self.start.request)
        else:
            self.open_hosts()

    # What the screens ask for.

    def words(self) -> tuple[str, ...]:
        """The words about the app's state in the first line."""
        place = self.timeline.place
        parts = [
            "FROZEN" if self.timeline.frozen else "",
            f"answer {place}" if place else "",
            "live" if self.start.source.live else "from a file",
            "changes allowed" if self.start.may_change else "read only",
        ]
        return tuple(part for part in parts if part)

    @property
    def asked(self) -> str:
        """The question that is being asked, as it was given."""
        return visible(f"{self.request.source} {self.request.destination}") if self.request is not None else ""

    def shown(self, answer: Answer) -> Report:
        """The report of an answer as it may be shown: without control characters."""
        known = self._cleaned.get(id(answer.report))
        if known is None or known[0] is not answer.report:
            known = self._cleaned[id(answer.report)] = (answer.report, cleaned(answer.report))
        return known[1]

    def open_hosts(self) -> None:
        """Show hosts and namespaces."""
        if self.start.source.saved is not None:
            self.say("a saved report has no namespaces to pick from")
            return
        if self._hosts is None:
            self._hosts = HostsScreen()
            self.push_screen(self._hosts)
            self.look_around()
        elif self.screen is not self._hosts:
            self.switch_screen(self._hosts)

    def open_path(self) -> None:
        """Show the path."""
        if self._path is None:
            self._path = PathScreen()
            self.push_screen(self._path)
        elif self.screen is not self._path:
            self.switch_screen(self._path)

    def back_to_path(self) -> None:
        """Show the path, if a question was asked."""
        if self._path is not None:
            self.open_path()

    def open_question(self, request: Request) -> None:
        """Ask a question and show its path."""
        self.timeline = Timeline()
        self.open_path()
        self.follow(request)

    def ask_again(self, *, probe: bool) -> None:
        """Ask the same question again."""
        if self.request is None:
            self.say("a saved report cannot be asked again")
        elif probe and not (self.start.source.live and self.start.may_send):
            self.say("packets are sent on a live host only, and not with --no-probe")
        else:
            self.ask(self.request, probe=probe)

    def copy(self, text: str) -> None:
        """Copy a text to the clipboard of the terminal (OSC 52), and say so."""
        if not text:
            self.say("there is nothing to copy here")
            return
        self.copy_to_clipboard(text)
        first = text.splitlines()[0]
        self.say(f"copied: {first[:60]}{'…' if len(first) > 60 or first != text else ''}")

    def say(self, text: str, severity: str = "information") -> None:
        """Say something in passing. Nothing in it is markup."""
        self.notify(visible(text), severity=severity, timeout=4, markup=False)  # type: ignore[arg-type]

    # Work.

    @work(thread=True, exclusive=True, group="look", exit_on_error=False)
    def look_around(self) -> None:
        """Find the namespaces in a thread: their names first, then their devices."""
        tell = self.teller()
        for devices in (False, True):
            found = self.start.source.inventory(tell, devices=devices)
            self.call_from_thread(self._found, found)

    def progress(self, doing: str) -> None:
        """Show what is being done."""
        self.doing = doing
        self._redraw()

    def _found(self, inventory: Inventory) -> None:
        if self._hosts is not None:
            self._hosts.show(inventory)

    def answered(self, answer: Answer) -> None:
        """Take an answer, and show it unless the screen is frozen."""
        self.doing = ""
        if self.timeline.add(answer) and self._path is not None:
            self._path.call_after_refresh(self._path.show)
        else:
            self._redraw()

    def _redraw(self) -> None:
        if isinstance(self.screen, HostsScreen | PathScreen) and self.screen.is_mounted:
            self.screen.redraw()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Say what went wrong where a person can do something about it; else leave with it."""
        if event.state in (WorkerState.SUCCESS, WorkerState.ERROR, WorkerState.CANCELLED):
            self.doing = ""
            self._redraw()
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
