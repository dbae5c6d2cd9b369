"""A list of rows with a cursor. Only the lines in sight are drawn, so that it does not matter how many there are."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from netdoctor_tui.model.rows import Row, matching
from netdoctor_tui.widgets.keys import OWN, bound
from netdoctor_tui.widgets.styles import CURSOR, LEFT_BEHIND, strip_of

#: Rows as they are, or made for a width in columns.
Content = Sequence[Row] | Callable[[int], Sequence[Row]]


class RowList(ScrollView, can_focus=True):
    """Rows, a cursor over them and a filter. `topic` is what its title and the help call it.

    Where the list `leads`, others show what its row stands for, and the cursor stays to be seen without the focus.
    """

    BINDINGS = bound(OWN)
    DEFAULT_CSS = """
    RowList { height: 1fr; width: 1fr; scrollbar-size: 1 1; scrollbar-gutter: stable; overflow-x: hidden; }
    RowList.-ascii { scrollbar-size: 0 0; }
    """

    class Moved(Message):
        """The cursor stands on another row."""

        def __init__(self, sender: RowList) -> None:
            super().__init__()
            self.sender = sender

        @property
        def control(self) -> RowList:
            """The list, which `on` handlers select by."""
            return self.sender

    class Chosen(Moved):
        """A row was opened, by enter or the mouse."""

    def __init__(self, topic: str, *, id: str, leads: bool = False) -> None:
        super().__init__(id=id)
        self._leads = leads
        self.topic = topic
        self.wanted = ""
        self.cursor = 0
        self.shift = 0
        self._content: Content = ()
        self._all: Sequence[Row] = ()
        self.rows: Sequence[Row] = ()

    def show(self, content: Content, *, keep: bool = False) -> None:
        """Show other rows; with `keep` the cursor stays on the row of the same key, or where it was."""
        key, cursor = self.key, self.cursor
        self._content = content
        self.cursor = cursor if keep else 0
        self._make()
        if keep and key is not None and self.key != key:
            self.go_to(key)
        if not keep:
            self.shift = 0
            self.scroll_to(0, 0, animate=False)

    def filter(self, wanted: str) -> None:
        """Show only the rows that match (`matching`)."""
        key = self.key
        self.wanted = wanted
        self._make()
        if not self.go_to(key):
            self._move(0)

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if 0 <= self.cursor < len(self.rows) else None

    @property
    def key(self) -> Hashable:
        """What the row under the cursor stands for."""
        return self.row.key if self.row is not None else None

    @property
    def place(self) -> str:
        """Where the cursor is, in words; and the filter."""
        where = f"{self.cursor + 1}/{len(self.rows)}" if self.rows else "0"
        return f"/{self.wanted}  {where} of {len(self._all)}" if self.wanted else where

    def go_to(self, key: Hashable) -> bool:
        """Put the cursor on the first row of that key; tell whether there is one."""
        if key is None:
            return False
        for number, one in enumerate(self.rows):
            if one.key == key:
                self._move(number)
                return True
        return False

    def _make(self) -> None:
        width = max(self.scrollable_content_region.width, 1)
        self._all = self._content(width) if callable(self._content) else self._content
        self.rows = matching(self._all, self.wanted)
        self.cursor = max(min(self.cursor, len(self.rows) - 1), 0)
        self.virtual_size = Size(width, len(self.rows))
        self.refresh()

    def on_resize(self, event: events.Resize) -> None:
        """Break lines anew."""
        self._make()
        self.call_after_refresh(self._into_sight)

    def render_line(self, y: int) -> Strip:
        """Draw the line `y` of what is in sight."""
        number, width = self.scroll_offset.y + y, self.size.width
        if number >= len(self.rows):
            return Strip.blank(width)
        style: Style | None = None
        if number == self.cursor:
            style = CURSOR if self.has_focus else LEFT_BEHIND if self._leads else None
        strip = strip_of(self.rows[number], style)
        return strip.crop_extend(self.shift, self.shift + width, style)

    def _move(self, to: int) -> None:
        self.cursor = max(min(to, len(self.rows) - 1), 0)
        self._into_sight()
        self.refresh()
        self.post_message(self.Moved(self))

    def _into_sight(self) -> None:
        height, top = self.scrollable_content_region.height, self.scroll_offset.y
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False)
        elif height and self.cursor >= top + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False)

    @property
    def _page(self) -> int:
        return max(self.scrollable_content_region.height - 1, 1)

    def action_up(self) -> None:
        """See `actions.LIST`, as for all of these."""
        self._move(self.cursor - 1)

    def action_down(self) -> None:
        """One row down."""
        self._move(self.cursor + 1)

    def action_page_up(self) -> None:
        """A page up."""
        self._move(self.cursor - self._page)

    def action_page_down(self) -> None:
        """A page down."""
        self._move(self.cursor + self._page)

    def action_first(self) -> None:
        """To the first row."""
        self._move(0)

    def action_last(self) -> None:
        """To the last row."""
        self._move(len(self.rows) - 1)

    def action_scroll_sideways(self, by: int) -> None:
        """Show what is farther left or right of long lines."""
        widest = max((strip_of(one).cell_length for one in self._in_sight()), default=0)
        self.shift = max(min(self.shift + by, widest - self.size.width), 0)
        self.refresh()

    def _in_sight(self) -> Sequence[Row]:
        top = self.scroll_offset.y
        return self.rows[top : top + self.size.height]

    def action_choose(self) -> None:
        """Open the row under the cursor."""
        if self.row is not None:
            self.post_message(self.Chosen(self))

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse is; a second click opens."""
        number = self.scroll_offset.y + event.y
        if number < len(self.rows):
            self._move(number)
            if event.chain == 2:
                self.action_choose()

    def on_focus(self) -> None:
        """Show the cursor."""
        self.refresh()

    def on_blur(self) -> None:
        """Hide it."""
        self.refresh()
