"""A question before the system is changed: what is put in place, and that it is taken away again."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.screen import ModalScreen

from netdoctor_tui.look import Look
from netdoctor_tui.model.rows import Row, Span, row, wrapped
from netdoctor_tui.widgets.rowlist import RowList


class ConfirmScreen(ModalScreen[bool]):
    """A question over the screen that asks it. Only `y` means yes."""

    BINDINGS = [("y", "answer(True)", "yes"), ("escape,n,q,enter", "answer(False)", "no")]
    CSS = """
    ConfirmScreen { align: center middle; background: ansi_default; }
    ConfirmScreen RowList { margin: 1 2; max-width: 86; }
    """

    def __init__(self, asked: str, lines: Sequence[str], look: Look) -> None:
        super().__init__()
        self._asked = asked
        self._lines = lines
        self._look = look

    def compose(self) -> ComposeResult:
        """Lay out one list."""
        yield RowList("Confirm", id="confirm")

    def on_mount(self) -> None:
        """Write the question."""
        self.query_one(RowList).set_class(not self._look.unicode, "-ascii")
        self.query_one(RowList).show(self._rows)

    def _rows(self, width: int) -> list[Row]:
        rows = [*wrapped(self._asked, width, role="bold"), row("")]
        for line in self._lines:
            rows += wrapped(line, width, first=f"  {self._look('·')} ", indent="    ")
        keys = (Span(" y ", "accent"), "do it   ", Span(" esc ", "accent"), "leave everything as it is")
        return [*rows, row(""), row(*keys)]

    def action_answer(self, yes: bool) -> None:
        """Go back with the answer."""
        self.dismiss(yes)

    def on_row_list_chosen(self) -> None:
        """Enter is no."""
        self.dismiss(False)
