"""One line to type into: the filter, a question, a file's name."""

from __future__ import annotations

from textual import events
from textual.widgets import Input


class Entry(Input):
    """A line of text without a frame; what it is for stands before it in its placeholder."""

    DEFAULT_CSS = """
    Entry, Entry:focus { border: none; height: 1; padding: 0 1; background: ansi_default; color: ansi_default; }
    """

    def __init__(self, placeholder: str, *, id: str) -> None:
        super().__init__(placeholder=placeholder, id=id, compact=True)
        self.cursor_blink = False

    def on_key(self, event: events.Key) -> None:
        """Leave the arrows up and down to the list that is being filtered."""
        if event.key in ("up", "down", "pageup", "pagedown"):
            event.prevent_default()
