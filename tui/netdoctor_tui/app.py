"""The app: one source, the answers it has given, and the screens over them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from textual.app import SystemCommand
from textual.screen import Screen

from netdoctor.endpoints import Request
from netdoctor.facts.host import NamespaceFacts
from netdoctor.render.sanitize import cleaned, visible
from netdoctor.report import NamespaceRef, Report
from netdoctor_tui.actions import written
from netdoctor_tui.asking import AskingApp
from netdoctor_tui.live.passing import Hop
from netdoctor_tui.model.asked import line_of
from netdoctor_tui.privacy import Veil
from netdoctor_tui.saving import save
from netdoctor_tui.screens.base import BaseScreen
from netdoctor_tui.screens.hosts import HostsScreen
from netdoctor_tui.screens.path import PathScreen
from netdoctor_tui.source import Answer, Inventory, Told
from netdoctor_tui.start import Start
from netdoctor_tui.timeline import Timeline

T = TypeVar("T")


class NetdoctorApp(AskingApp):
    """The interactive view. It returns the report whose finding is to be printed once it is left, or None."""

    CSS = """
    Screen { background: ansi_default; color: ansi_default; }
    Entry { display: none; }
    Entry.-open { display: block; }
    """

    def __init__(self, start: Start) -> None:
        super().__init__(start)
        self.theme = "ansi-dark"
        self.title = "netdoctor"
        self.timeline = Timeline()
        self.veil: Veil | None = None
        self._secret = os.urandom(32)
        self._hosts: HostsScreen | None = None
        self._path: PathScreen | None = None
        self._shown: dict[tuple[int, bool], tuple[Report, Report]] = {}
        self._facts: dict[tuple[str | None, NamespaceRef], NamespaceFacts | None] = {}

    def on_mount(self) -> None:
        """Open the screen to begin with, and start the work for it."""
        if self.start.redact:
            self.job("privacy", self._new_veil, self._begin)
        else:
            self._begin(None)

    def _begin(self, veil: Veil | None) -> None:
        self.veil = veil
        saved = self.start.source.saved
        if saved is not None:
            self.open_path()
            self.answered(Answer(saved))
        elif self.start.request is not None:
            self.open_question(self.start.request)
        else:
            self.open_hosts()

    # What is shown.

    def words(self) -> tuple[str, ...]:
        """The words about the app's state in the first line."""
        place = self.timeline.place
        parts = [
            "FROZEN" if self.timeline.frozen else "",
            f"answer {place}" if place else "",
            "REDACTED" if self.private else "",
            "live" if self.start.source.live else "from a file",
            "changes allowed" if self.start.may_change else "read only",
        ]
        return tuple(part for part in parts if part)

    @property
    def private(self) -> bool:
        """Whether other names and addresses are shown in the place of the real ones."""
        return self.veil is not None

    @property
    def source_name(self) -> str:
        """What is looked at, as it may be shown."""
        return "" if self.private else visible(self.start.source.name)

    @property
    def asked(self) -> str:
        """The question that is being asked, as it was given."""
        return "" if self.private else visible(line_of(self.request))

    def shown(self, answer: Answer) -> Report:
        """The report of an answer as it may be shown: under other names if need be, without control characters."""
        key = id(answer.report), self.private
        known = self._shown.get(key)
        if known is None or known[0] is not answer.report:
            report = self.veil.report(answer.report) if self.veil is not None else answer.report
            known = self._shown[key] = (answer.report, cleaned(report))
        return known[1]

    def shown_inventory(self, inventory: Inventory) -> Inventory:
        """What there is to pick from, as it may be shown, in the same order."""
        return self.veil.inventory(inventory) if self.veil is not None else inventory

    @property
    def _front(self) -> BaseScreen | None:
        """The screen in front, if it is there already and one of those that show the app's state."""
        front = self.screen_stack[-1] if self.is_running and self.screen_stack else None
        return front if isinstance(front, BaseScreen) and front.is_mounted else None

    def redraw(self) -> None:
        """Show everything on the screen in front anew."""
        if self._front is not None:
            self._front.redraw()

    def restate(self) -> None:
        """Show the state of the app on the screen in front."""
        if self._front is not None:
            self._front.restate()

    # Where one can go.

    def open_hosts(self) -> None:
        """Show hosts and namespaces."""
        if self.start.source.saved is not None:
            self.say("a saved report has no namespaces to pick from")
        elif self._hosts is None:
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
        if self.start.source.saved is not None:
            self.say("a saved report answers one question only; open a snapshot to ask others", "error")
            return
        self.timeline = Timeline()
        self.open_path()
        self.follow(request)

    def leave_finding(self) -> None:
        """Quit, and have the finding printed where the app was started."""
        answer = self.timeline.shown
        self.exit(self.shown(answer) if answer is not None else None)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: every action that makes sense on the screen, by its word."""
        if isinstance(screen, BaseScreen):
            for one in screen.offered():
                title = f"{one.label} ({written(one.keys[0])})"
                yield SystemCommand(title, one.told, lambda name=one.name: self.run_later(screen, name))

    def run_later(self, screen: BaseScreen, action: str) -> None:
        """Run an action of a screen, once whatever is in front of it is gone."""
        screen.call_after_refresh(screen.run_named, action)

    # Work, in threads.

    def ask_again(self, *, probe: bool) -> None:
        """Ask the same question again."""
        if self.request is None:
            self.say("a saved report cannot be asked again")
        elif probe and not self.can_send:
            self.say("packets are sent on a live host only, and not with --no-probe")
        else:
            self.ask(self.request, probe=probe)

    @property
    def can_send(self) -> bool:
        """Whether packets may be sent."""
        return self.start.source.live and self.start.may_send

    def look_around(self) -> None:
        """Find the namespaces: their names first, then their devices."""
        source = self.start.source

        def found(inventory: Inventory) -> None:
            self._found(inventory)
            self.job("look", lambda told: source.inventory(told, devices=True), self._found)

        self.job("look", lambda told: source.inventory(told, devices=False), found)

    def read(
        self,
        host: str | None,
        namespace: NamespaceRef,
        make: Callable[[NamespaceFacts | None], T],
        then: Callable[[T], None],
    ) -> None:
        """Read the facts of a namespace of the report that is shown, and make something of them in the same thread."""
        veil = self.veil
        key = host, namespace

        def job(told: Told) -> T:
            if key not in self._facts:
                real = veil.real_host(host) if veil is not None else host
                facts = self.start.source.facts(real, namespace, told)
                self._facts[key] = veil.facts(facts) if veil is not None and facts is not None else facts
            return make(self._facts[key])

        self.job("facts", job, then)

    def save(self, *, redacted: bool) -> None:
        """Save the report that is shown, under other names unless said otherwise."""
        answer = self.timeline.shown
        if answer is None:
            return

        def job(told: Told) -> str:
            if not redacted:
                return save(answer.report)
            return save((self.veil or self._new_veil(told)).report(answer.report))

        word = "with other names and addresses" if redacted else "with its real names and addresses"
        self.job("save", job, lambda name: self.say(f"saved: {name}, {word}"))

    def privacy(self) -> None:
        """Show other names and addresses, or the real ones again."""
        if self.veil is not None:
            self._unveil(None)
        else:
            self.job("privacy", self._new_veil, self._unveil)

    def _unveil(self, veil: Veil | None) -> None:
        self.veil = veil
        self._facts.clear()
        self._shown.clear()
        if isinstance(self.screen, PathScreen):
            self.screen.show()
        self.redraw()

    def _new_veil(self, told: Told) -> Veil:
        told("looking for names to replace")
        namespaces, hosts = self.start.source.everything(told)
        return Veil(namespaces, hosts, self._secret)

    def copy(self, text: str) -> None:
        """Copy a text to the clipboard of the terminal (OSC 52), and say so."""
        if not text:
            self.say("there is nothing to copy here")
            return
        self.copy_to_clipboard(text)
        first = text.splitlines()[0]
        self.say(f"copied: {first[:60]}{self.start.look('…') if len(first) > 60 or first != text else ''}")

    def _found(self, inventory: Inventory) -> None:
        if self._hosts is not None:
            self._hosts.show(inventory)

    def passed(self, hops: Sequence[Hop]) -> None:
        """Show a packet of ours on its way; not under other names, which these are not known by."""
        if self._path is not None and self.veil is None and not self.timeline.frozen:
            self._path.pass_by(hops)

    def traced(self, lines: Sequence[str] | None) -> None:
        """Show what TRACE tells as it comes in: that it begins (None), or more."""
        if self._path is None or self.veil is not None:
            return
        if lines is None:
            self._path.begin_trace()
        else:
            self._path.told([visible(line) for line in lines])

    def answered(self, answer: Answer) -> None:
        """Take an answer, and show it unless the screen is frozen; under other names only once these are known."""
        if self.veil is not None and self.start.source.live:
            self.job("privacy", self._new_veil, lambda veil: self._take(answer, veil))
        else:
            self._take(answer, self.veil)

    def _take(self, answer: Answer, veil: Veil | None) -> None:
        if veil is not self.veil:
            self.veil = veil
            self._shown.clear()
        if self.start.source.live:
            self._facts.clear()
        self.doing = ""
        if self._path is not None:
            self._path.end_trace()
        if self.timeline.add(answer) and self._path is not None:
            self._path.call_after_refresh(self._path.show)
        else:
            self.redraw()
