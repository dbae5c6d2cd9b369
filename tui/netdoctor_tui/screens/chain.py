"""One chain of rules, all of it, with counters; the rules that the packet met are marked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from textual.widget import Widget

from netdoctor.render.sanitize import visible
from netdoctor_tui.actions import Action
from netdoctor_tui.model.chain import chain_lines, chain_rows
from netdoctor_tui.model.headline import Status, top_row
from netdoctor_tui.model.rows import Row, row
from netdoctor_tui.model.rules import Chain
from netdoctor_tui.screens.base import BaseScreen
from netdoctor_tui.widgets.keys import bound
from netdoctor_tui.widgets.lines import Head, Title
from netdoctor_tui.widgets.rowlist import RowList

ACTIONS = (Action("copy", ("y",), "copy", "copy the rule (OSC 52)", 3),)


class ChainScreen(BaseScreen):
    """A chain over the path; esc goes back. `met` are the verdicts of the rules that the packet met, by number."""

    TOPIC = "A chain of rules"
    ACTIONS = ACTIONS
    BINDINGS = bound(ACTIONS)

    def __init__(self, chain: Chain, met: Mapping[int, str]) -> None:
        super().__init__()
        self.chain = chain
        self.met = met

    def body(self) -> Iterator[Widget]:
        """Yield the rules under the chain's name."""
        yield Title(id="title")
        yield RowList("The chain", id="chain")

    def on_mount(self) -> None:
        """Read the chain."""
        super().on_mount()
        self.list.show([row("reading the rules")])
        look = self.look
        self.app_.read(
            self.chain.host,
            self.chain.namespace,
            lambda facts: (
                chain_rows(chain_lines(facts, self.chain), self.met, look) if facts is not None else None
            ),
            self._read,
        )

    def _read(self, rows: list[Row] | None) -> None:
        self.list.show(
            rows or [row("the facts are not here: a saved report holds only the rules that were met")]
        )
        self.list.go_to(("rule", next(iter(self.met), 0)))
        self._title()

    def redraw(self) -> None:
        """Show the lines around the list."""
        super().redraw()
        status = Status(self.app_.source_name, self.app_.words(), self.app_.doing)
        self.query_one("#headline", Head).show([top_row(status, "", self.size.width, self.look)])
        self._title()

    def _title(self) -> None:
        chain = self.chain
        name = f"{chain.family} {chain.table} {chain.name} in {chain.namespace.name} ({chain.backend})"
        self.query_one("#title", Title).plain(visible(name), self.list.place, self.look)

    def on_row_list_moved(self) -> None:
        """Say where the cursor is."""
        self._title()

    def action_copy(self) -> None:
        """Copy the rule under the cursor."""
        if self.list.row is not None:
            self.app_.copy(self.list.row.copy)

    def leave(self) -> None:
        """Go back to the path."""
        self.dismiss()
