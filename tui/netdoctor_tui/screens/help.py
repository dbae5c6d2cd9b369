"""What the keys do on the screen below."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.screen import ModalScreen

from netdoctor_tui.actions import Action
from netdoctor_tui.look import Look
from netdoctor_tui.model.help import help_rows
from netdoctor_tui.widgets.rowlist import RowList


class HelpScreen(ModalScreen[None]):
    """A page of keys over the screen that it tells of."""

    BINDINGS = [("escape,question_mark,f1,q,enter", "close", "close")]
    CSS = """
    HelpScreen { align: center middle; background: ansi_default; }
    HelpScreen RowList { margin: 1 2; max-width: 86; }
    """

    def __init__(self, topic: str, groups: Sequence[tuple[str, Sequence[Action]]], look: Look) -> None:
        super().__init__()
        self._topic = topic
        self._groups = groups
        self._look = look

    def compose(self) -> ComposeResult:
        """Lay out one list."""
        yield RowList("Help", id="help")

    def on_mount(self) -> None:
        """Write the page."""
        self.query_one(RowList).set_class(not self._look.unicode, "-ascii")
        self.query_one(RowList).show(lambda width: help_rows(self._topic, self._groups, width, self._look))

    def action_close(self) -> None:
        """Go back."""
        self.dismiss()

    def on_row_list_chosen(self) -> None:
        """Enter closes the page too."""
        self.dismiss()
