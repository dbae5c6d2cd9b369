"""The path of a question, and beside it why, what happened at the selected device, its rules and its facts.

+-- headline: question, state of the app, verdict and summary in two lines ------+
| path, request and reply           | [1 why] 2 step  3 rules  4 facts 5 explain |
|   namespace                       |                                            |
|     device, its state before it   |  the details of the tab that is chosen     |
+-- keys ------------------------------------------------------------------------+
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from textual import on
from textual.containers import Container, Vertical
from textual.timer import Timer
from textual.widget import Widget

from netdoctor.report import Direction
from netdoctor_tui.actions import PATH, Action
from netdoctor_tui.details import TABS, Details
from netdoctor_tui.live.difference import Difference, difference
from netdoctor_tui.live.passing import Hop
from netdoctor_tui.model.headline import Status, question_text, top_row, verdict_rows
from netdoctor_tui.model.path import Place, path_rows, where_it_ends
from netdoctor_tui.model.rows import row
from netdoctor_tui.model.rules import Chain, met_in
from netdoctor_tui.model.why import fix_text
from netdoctor_tui.screens.base import BaseScreen
from netdoctor_tui.screens.chain import ChainScreen
from netdoctor_tui.source import Answer
from netdoctor_tui.widgets.keys import bound
from netdoctor_tui.widgets.lines import Head, Title
from netdoctor_tui.widgets.rowlist import Content, RowList

#: Seconds that a packet is shown at each place it came by.
STRIDE = 0.12
#: Narrower than this, the details stand below the path.
BESIDE = 72


class PathScreen(BaseScreen):
    """One answer, and what it is made of."""

    TOPIC = "The path of a packet"
    ACTIONS = PATH
    BINDINGS = bound(PATH)
    DEFAULT_CSS = """
    PathScreen {
        #body { layout: horizontal; height: 1fr; }
        #left { width: 2fr; max-width: 44; }
        #right { width: 3fr; border-left: solid ansi_default; padding-left: 1; }
        &.-ascii #right { border-left: ascii ansi_default; }
        &.-stacked #body { layout: vertical; }
        &.-stacked #left { width: 1fr; max-width: 100%; height: 2fr; }
        &.-stacked #right { width: 1fr; height: 3fr; border-left: none; padding-left: 0; }
        &.-zoomed #left { display: none; }
        &.-zoomed #right { border-left: none; padding-left: 0; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self.tab = "why"
        self.place: Place | None = None
        self.since = Difference()
        #: Places that a packet of ours has yet to be shown at, where it is, and the rules that TRACE has told of.
        self._coming: list[Hop] = []
        self._passing: dict[tuple[Direction, int | None, str | None], str] = {}
        self._walking: Timer | None = None
        self._told: list[str] = []

    def body(self) -> Iterator[Widget]:
        """Yield the path at the left and the details at the right."""
        with Container(id="body"):
            with Vertical(id="left"):
                yield Title(id="title")
                yield RowList("The path", id="path", leads=True)
            with Vertical(id="right"):
                yield Title(id="tabs")
                yield RowList("Details", id="details")

    @property
    def answer(self) -> Answer | None:
        """The answer that is looked at."""
        return self.app_.timeline.shown

    @property
    def path(self) -> RowList:
        """The list at the left."""
        return self.query_one("#path", RowList)

    @property
    def details(self) -> RowList:
        """The list at the right."""
        return self.query_one("#details", RowList)

    @property
    def list(self) -> RowList:
        """The list that has the focus, else the path."""
        return self.details if self.details.has_focus else self.path

    @property
    def narrowed(self) -> RowList:
        """The list that a filter is for: the details, where they are long."""
        long = self.details.has_focus or self.tab == "facts" or bool(self.details.wanted)
        return self.details if long else self.path

    def show(self) -> None:
        """Show the answer that is to be looked at now, from where its packet ends; what is new in it is marked.

        Where nothing is new, whoever looks at another place stays there.
        """
        before = self.app_.timeline.before
        self.since = Difference()
        if self.answer is not None:
            report = self.app_.shown(self.answer)
            self.since = difference(self.app_.shown(before), report) if before is not None else self.since
            self._draw_path()
            if before is None or self.since or not self.path.go_to(self.place):
                self.place = where_it_ends(report)
                self.path.go_to(self.place)
            self._details()
        self.redraw()

    def redraw(self) -> None:
        """Show the lines around the lists as they are now."""
        super().redraw()
        self.set_class(self.size.width < BESIDE, "-stacked")
        self._head()
        self._titles()

    def restate(self) -> None:
        """Show the state of the app in the headline: nothing else has changed by what is being done."""
        self._head()

    def _head(self) -> None:
        app = self.app_
        status = Status(app.source_name, app.words(), app.doing)
        if self.answer is None:
            rows = [top_row(status, app.asked, self.size.width, self.look)]
        else:
            report = app.shown(self.answer)
            question = question_text(report, self.look)
            rows = [
                top_row(status, question, self.size.width, self.look),
                *verdict_rows(report, self.size.width, self.look, self.since.verdict),
            ]
        self.query_one("#headline", Head).show(rows)

    def offered(self) -> tuple[Action, ...]:
        """The actions that make sense for what is shown."""
        app, absent = self.app_, set()
        if app.request is None:
            absent |= {"again", "hosts", "question"}
        if not app.can_send:
            absent.add("send")
        if not app.can_trace:
            absent.add("trace")
        if not app.start.source.live and len(app.timeline.answers) < 2:
            absent |= {"freeze", "earlier", "later"}
        return tuple(one for one in super().offered() if one.name not in absent)

    def _details(self, keep: bool = True) -> None:
        if self.answer is None:
            return
        since = self.answer.because if self.app_.veil is None else (), self.since.said
        made = Details(self.app_.shown(self.answer), self.place, self.look, since)
        if self.tab == "rules" and self._told:
            self.details.show([row(line) for line in self._told], keep=keep)
            return
        if not made.needs_facts(self.tab) or self.place is None:
            self.details.show(made.of(self.tab), keep=keep)
            return
        if not keep:
            self.details.show(made.without_facts(self.tab))
        tab, place = self.tab, self.place
        make = made.with_facts(tab)
        self.app_.read(place.host, place.namespace, make, lambda content: self._read(tab, place, content))

    def _read(self, tab: str, place: Place, content: Content) -> None:
        """Show what was made of facts, if that is still what is looked at."""
        if (tab, place) == (self.tab, self.place):
            self.details.show(content, keep=True)
            self._titles()

    def _titles(self) -> None:
        self.query_one("#title", Title).plain("PATH", self.path.place, self.look)
        self.query_one("#tabs", Title).tabs(TABS, self.tab, self.details.place)

    @on(RowList.Moved, "#path")
    def _moved(self) -> None:
        key = self.path.key
        if isinstance(key, Place) and key != self.place:
            self.place = key
            if self.tab in ("step", "rules", "facts"):
                self._details(keep=False)
        self._titles()

    @on(RowList.Moved, "#details")
    def _moved_in_details(self) -> None:
        self._titles()

    @on(RowList.Chosen, "#details")
    def _open_chain(self) -> None:
        chain = self.details.key
        if isinstance(chain, Chain) and self.answer is not None:
            self.app.push_screen(ChainScreen(chain, met_in(self.app_.shown(self.answer), chain)))

    @on(RowList.Chosen, "#path")
    def _open_place(self) -> None:
        self.action_tab("step")
        self.details.focus()

    def action_tab(self, name: str) -> None:
        """Show one of the tabs."""
        self.tab = name
        self._details(keep=False)
        self._titles()

    def action_left(self) -> None:
        """Go to the path."""
        self.path.focus()

    def action_right(self) -> None:
        """Go to the details."""
        self.details.focus()

    def action_other_pane(self) -> None:
        """Go to the other pane."""
        (self.path if self.details.has_focus else self.details).focus()

    def action_copy(self) -> None:
        """Copy the command under the cursor, or the fix where the path has the focus."""
        here = self.list.row
        if self.list is self.details and here is not None and (here.copy or self.tab != "why"):
            self.app_.copy(here.copy or here.text.strip())
        elif self.answer is not None:
            self.app_.copy(fix_text(self.app_.shown(self.answer)))

    def action_again(self) -> None:
        """Ask again."""
        self.app_.ask_again(probe=False)

    def action_send(self) -> None:
        """Ask again, with packets."""
        self.app_.ask_again(probe=True)

    def action_trace(self) -> None:
        """Have a packet traced, after a question."""
        self.app_.ask_for_trace()

    def pass_by(self, hops: Sequence[Hop]) -> None:
        """Show a packet where it came by, one place after the other: it was faster than anybody looks."""
        self._coming += [hop for hop in hops if not hop.stray]
        if self._walking is None:
            self._walking = self.set_interval(STRIDE, self._stride)

    def _stride(self) -> None:
        self._passing = {}
        if self._coming:
            hop = self._coming.pop(0)
            self._passing = {(hop.leg, hop.namespace.inode, hop.interface): f"{hop.leg} {'out' if hop.out else 'in'}"}
        elif self._walking is not None:
            self._walking.stop()
            self._walking = None
        self._draw_path()

    def _draw_path(self) -> None:
        if self.answer is not None:
            report = self.app_.shown(self.answer)
            self.path.show(path_rows(report, self.look, self.since.places, self._passing), keep=True)

    def begin_trace(self) -> None:
        """Show the rules, and there what TRACE tells as it comes in."""
        self._told = ["TRACE: the rules that a packet meets, as the kernel tells them"]
        self.action_tab("rules")

    def told(self, lines: Sequence[str]) -> None:
        """Show more rules that the packet has met."""
        self._told += lines
        self._details()

    def end_trace(self) -> None:
        """Show the rules of the answer again."""
        self._told = []
        self._details()

    def action_freeze(self) -> None:
        """Keep the answer that is shown, or go on with the latest."""
        frozen = self.app_.timeline.freeze()
        self.app_.say("frozen: new answers wait" if frozen else "showing the latest answer")
        self.show()

    def action_earlier(self) -> None:
        """Show the answer before."""
        self._step(-1)

    def action_later(self) -> None:
        """Show the answer after."""
        self._step(1)

    def _step(self, by: int) -> None:
        if self.app_.timeline.step(by):
            self.show()
        else:
            self.app_.say("there is no earlier answer" if by < 0 else "this is the latest answer")

    def action_zoom(self) -> None:
        """Give the details the whole width, or take it back."""
        self.toggle_class("-zoomed")
        self.details.focus()

    def action_save(self) -> None:
        """Save the report, redacted."""
        self.app_.save(redacted=True)

    def action_save_plain(self) -> None:
        """Save the report as it is."""
        self.app_.save(redacted=False)

    def action_privacy(self) -> None:
        """Show other names and addresses, or the real ones."""
        self.app_.privacy()

    def action_hosts(self) -> None:
        """Show hosts and namespaces."""
        self.app_.open_hosts()

    def action_leave_finding(self) -> None:
        """Quit, and print the finding."""
        self.app_.leave_finding()

    def leave(self) -> None:
        """Go back from the details to the path, from there to the namespaces."""
        if self.details.has_focus or self.has_class("-zoomed"):
            self.remove_class("-zoomed")
            self.path.focus()
        elif self.app_.start.source.saved is None:
            self.app_.open_hosts()
