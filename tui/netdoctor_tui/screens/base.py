"""What all screens have in common: the lines above and below, the filter, and keys that go to whom they are for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from textual import on
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Input

from netdoctor_tui.actions import EVERYWHERE, LIST, Action
from netdoctor_tui.look import Look
from netdoctor_tui.widgets.entry import Entry
from netdoctor_tui.widgets.keys import SIDEWAYS, bound
from netdoctor_tui.widgets.lines import KeyBar, Lines
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
        yield Lines(id="headline")
        yield from self.body()
        yield Entry("show only lines with this text; !text: without it", id="filter")
        yield KeyBar(id="keys")

    def body(self) -> Iterator[Any]:
        """Yield the widgets of the screen's own."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Show what there is already."""
        for one in self.query(RowList):
            one.set_class(not self.look.unicode, "-ascii")
        self.call_after_refresh(self.redraw)

    def on_resize(self) -> None:
        """Make the lines anew that are cut to the screen."""
        self.call_after_refresh(self.redraw)

    def redraw(self) -> None:
        """Show everything anew."""
        self.query_one(KeyBar).keys(self.offered())

    def offered(self) -> tuple[Action, ...]:
        """The actions that make sense now."""
        return (*LIST, *self.ACTIONS, *EVERYWHERE)

    @property
    def list(self) -> RowList:
        """The list that has the focus, or had it last."""
        return self.query(RowList).first()

    def action_filter(self) -> None:
        """Open the line to type a filter into."""
        entry = self.query_one("#filter", Entry)
        entry.value = self.list.wanted
        entry.add_class("-open")
        entry.focus()

    @on(Input.Changed, "#filter")
    def _narrow(self, event: Input.Changed) -> None:
        if self.query_one("#filter", Entry).has_focus:
            self.list.filter(event.value)

    @on(Input.Submitted, "#filter")
    def _close_filter(self) -> None:
        self.query_one("#filter", Entry).remove_class("-open")
        self.list.focus()

    def action_back(self) -> None:
        """Take the filter away, else leave."""
        entry = self.query_one("#filter", Entry)
        if entry.has_class("-open") or self.list.wanted:
            self.list.filter("")
            self._close_filter()
        else:
            self.leave()

    def leave(self) -> None:
        """Go one step back; nowhere, if this is the first screen."""
