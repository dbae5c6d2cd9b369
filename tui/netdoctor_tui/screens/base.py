"""What all screens have in common: the lines above and below, the filter, and keys that go to whom they are for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from textual import on
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Input

from netdoctor.errors import UsageError
from netdoctor_tui.actions import EVERYWHERE, LIST, Action
from netdoctor_tui.look import Look
from netdoctor_tui.model.asked import line_of, parse_question
from netdoctor_tui.screens.help import HelpScreen
from netdoctor_tui.widgets.entry import Entry
from netdoctor_tui.widgets.keys import OWN, SIDEWAYS, bound
from netdoctor_tui.widgets.lines import Head, KeyBar
from netdoctor_tui.widgets.rowlist import RowList

if TYPE_CHECKING:
    from netdoctor_tui.app import NetdoctorApp


class BaseScreen(Screen[None]):
    """A screen with a headline, lists, a line to type a filter into, and the keys that work."""

    #: What this screen is called in the help, and what its own keys do.
    TOPIC = ""
    ACTIONS: tuple[Action, ...] = ()
    BINDINGS = bound((*SIDEWAYS, *EVERYWHERE))
    AUTO_FOCUS = "RowList"

    @property
    def app_(self) -> NetdoctorApp:
        """The app, by its own type."""
        return cast("NetdoctorApp", self.app)

    @property
    def look(self) -> Look:
        """How symbols are drawn."""
        return self.app_.start.look

    def compose(self) -> ComposeResult:
        """Lay the screen out: the headline, what it is for, the filter, the keys."""
        yield Head(id="headline")
        yield from self.body()
        yield Entry("show only lines with this text; !text: without it", id="filter")
        yield Entry("SRC DST, and tcp:PORT or udp:PORT; DST alone for the same source", id="question")
        yield KeyBar(id="keys")

    def body(self) -> Iterator[Any]:
        """Yield the widgets of the screen's own."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Show what there is already."""
        self.set_class(not self.look.unicode, "-ascii")
        for one in self.query(RowList):
            one.set_class(not self.look.unicode, "-ascii")
        self.call_after_refresh(self.redraw)

    def on_resize(self) -> None:
        """Make the lines anew that are cut to the screen."""
        self.call_after_refresh(self.redraw)

    def redraw(self) -> None:
        """Show the lines around the lists anew; they tell of the app's state, which changes often."""
        self.query_one(KeyBar).keys(self.offered())

    def restate(self) -> None:
        """Show the state of the app anew: what it is doing."""
        self.redraw()

    def offered(self) -> tuple[Action, ...]:
        """The actions that make sense now."""
        return (*LIST, *self.ACTIONS, *EVERYWHERE)

    @property
    def list(self) -> RowList:
        """The list that has the focus, or had it last."""
        return self.query(RowList).first()

    @property
    def narrowed(self) -> RowList:
        """The list that a filter is for."""
        return self.list

    async def run_named(self, name: str) -> None:
        """Run an action by its name, of the list that has the focus or of this screen."""
        owner = self.list if name in {one.name for one in OWN} else self
        await self.app.run_action(name, owner)

    def _open(self, entry: Entry, text: str) -> None:
        entry.value = text
        entry.add_class("-open")
        entry.focus()
        entry.cursor_position = len(text)

    def action_filter(self) -> None:
        """Open the line to type a filter into."""
        self._open(self.query_one("#filter", Entry), self.list.wanted)

    def action_question(self) -> None:
        """Open the line to type a question into."""
        private = self.app_.private
        self._open(self.query_one("#question", Entry), "" if private else line_of(self.app_.request))

    def action_help(self) -> None:
        """Tell what the keys do here."""
        groups = (("Here", self.ACTIONS), ("In every list", LIST), ("Everywhere", EVERYWHERE))
        offered = self.offered()
        shown = [(name, [one for one in group if one in offered]) for name, group in groups]
        self.app.push_screen(HelpScreen(f"{self.TOPIC}: {self.list.topic}", shown, self.look))

    @on(Input.Changed, "#filter")
    def _narrow(self, event: Input.Changed) -> None:
        if self.query_one("#filter", Entry).has_focus:
            self.narrowed.filter(event.value)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        asked = event.value.strip() if event.input.id == "question" else ""
        self._close()
        if asked:
            try:
                self.app_.open_question(parse_question(asked, self.app_.request))
            except UsageError as error:
                self.app_.say(str(error), "error")

    def _close(self) -> None:
        """Close the lines to type into, and go on in the list."""
        for entry in self.query(Entry):
            entry.remove_class("-open")
        self.narrowed.focus()

    def action_quit(self) -> None:
        """Quit. A binding of a screen looks for its action on the screen, not on the app."""
        self.app.exit()

    def action_command_palette(self) -> None:
        """Open the palette."""
        self.app.action_command_palette()

    def action_back(self) -> None:
        """Close the line that is typed into, take the filter away, else leave."""
        open_ = [entry.id for entry in self.query(Entry) if entry.has_class("-open")]
        if open_ == ["question"]:
            self._close()
        elif open_ or self.narrowed.wanted:
            self.narrowed.filter("")
            self._close()
        else:
            self.leave()

    def leave(self) -> None:
        """Go one step back; nowhere, if this is the first screen."""
