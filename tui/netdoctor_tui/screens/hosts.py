"""Hosts and namespaces: the source of a question is picked with enter, then its destination."""

from __future__ import annotations

from collections.abc import Iterator

from textual import on
from textual.widget import Widget

from netdoctor.endpoints import Request
from netdoctor.render.sanitize import visible
from netdoctor_tui.actions import Action
from netdoctor_tui.model.headline import Status, top_row
from netdoctor_tui.model.hosts import host_rows, named, next_end
from netdoctor_tui.model.rows import Span, row
from netdoctor_tui.screens.base import BaseScreen
from netdoctor_tui.source import Inventory, Known
from netdoctor_tui.widgets.keys import bound
from netdoctor_tui.widgets.lines import Head, Title
from netdoctor_tui.widgets.rowlist import RowList

ACTIONS = (
    Action("again", ("r",), "again", "look for namespaces again", 5),
    Action("copy", ("y",), "copy", "copy the name that means this namespace and no other", 6),
)


class HostsScreen(BaseScreen):
    """The tree of namespaces, and what has been picked so far."""

    TOPIC = "Hosts and namespaces"
    ACTIONS = ACTIONS
    BINDINGS = bound(ACTIONS)

    def __init__(self) -> None:
        super().__init__()
        self.inventory = Inventory(())
        self.source: Known | None = None
        self.opened: frozenset[Known] = frozenset()

    def body(self) -> Iterator[Widget]:
        """Yield the tree under its title."""
        yield Title(id="title")
        yield RowList("Hosts and namespaces", id="hosts")

    def show(self, inventory: Inventory) -> None:
        """Show what there is to pick from."""
        self.inventory = inventory
        self.redraw()
        self._tree()

    def on_screen_resume(self) -> None:
        """Show the tree under the names that are shown now."""
        self.redraw()
        self._tree()

    def redraw(self) -> None:
        """Show the lines around the tree as they are now."""
        super().redraw()
        status = Status(self.app_.source_name, self.app_.words(), self.app_.doing)
        shown = self.app_.shown_inventory(self.inventory)
        pairs = zip(self.inventory.known, shown.known, strict=True)
        picked = next((two for one, two in pairs if one == self.source), None)
        asked = (
            "pick the source" if picked is None else f"{visible(picked.namespace.name)}: pick the destination"
        )
        prompt = row(Span(f"{asked}, with enter; ", "bold"), ": types a question, for an address or a port")
        self.query_one("#headline", Head).show([top_row(status, "", self.size.width, self.look), prompt])
        self._title()

    def _tree(self) -> None:
        shown = self.app_.shown_inventory(self.inventory)
        self.list.show(host_rows(self.inventory, shown, self.look, self.opened, self.source), keep=True)
        self.redraw()

    def _title(self) -> None:
        self.query_one("#title", Title).plain("NAMESPACES", self.list.place, self.look)

    @on(RowList.Moved)
    def _moved(self) -> None:
        self._title()

    @on(RowList.Chosen)
    def _picked(self) -> None:
        known = named(self.list.key)
        if known is None:
            return
        if self.source is None:
            self.source = known
            self.list.filter("")
            self._tree()
            self.list.go_to(next(next_end(list(self.list.rows), known), known))
        else:
            source, self.source = self.source, None
            self.app_.open_question(Request(source.form, known.form))

    def action_right(self) -> None:
        """Show the devices of the namespace."""
        known = named(self.list.key)
        if known is not None:
            self.opened |= {known}
            self._tree()

    def action_left(self) -> None:
        """Hide the devices of the namespace."""
        known = named(self.list.key)
        if known is not None:
            self.opened -= {known}
            self._tree()
            self.list.go_to(known)

    def action_again(self) -> None:
        """Look for namespaces again."""
        self.app_.look_around()

    def action_copy(self) -> None:
        """Copy the endpoint under the cursor."""
        if self.list.row is not None:
            self.app_.copy(self.list.row.copy or self.list.row.text.strip())

    def leave(self) -> None:
        """Forget the source that was picked; else go back to the path, if there is one."""
        if self.source is not None:
            self.source = None
            self._tree()
        else:
            self.app_.back_to_path()
