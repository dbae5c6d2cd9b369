"""The lines around the lists: rows at the top, the tabs, a pane's title, and the keys at the bottom."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.strip import Strip
from textual.widget import Widget

from netdoctor_tui.actions import Action, written
from netdoctor_tui.look import Look
from netdoctor_tui.model.rows import Row, Span
from netdoctor_tui.widgets.styles import strip_of


class Lines(Widget):
    """Some rows, each on a line of its own, cut where the screen ends."""

    DEFAULT_CSS = "Lines { width: 1fr; height: 1; }"

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.rows: Sequence[Row] = ()

    def show(self, rows: Sequence[Row]) -> None:
        """Show other rows."""
        self.rows = rows
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw a line."""
        if y >= len(self.rows):
            return Strip.blank(self.size.width)
        return strip_of(self.rows[y]).crop_extend(0, self.size.width, None)


class Head(Lines):
    """As many lines as there are rows."""

    def show(self, rows: Sequence[Row]) -> None:
        """Show other rows."""
        self.styles.height = max(len(rows), 1)
        super().show(rows)


class Parts(Lines):
    """A line of parts that can be clicked: each runs an action."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._ends: list[tuple[int, str]] = []

    def set_parts(self, parts: Sequence[tuple[tuple[Span, ...], str]]) -> None:
        """Show parts, each with the action that a click on it runs."""
        spans: list[Span] = []
        self._ends = []
        for texts, action in parts:
            spans += texts
            self._ends.append((strip_of(Row(tuple(spans))).cell_length, action))
        self.show([Row(tuple(spans))])

    async def on_click(self, event: events.Click) -> None:
        """Run the action under the mouse."""
        action = next((action for end, action in self._ends if event.x < end), "")
        if action:
            await self.screen.run_action(action)


class Title(Parts):
    """The title of a pane, or its tabs; `after` stands at the right."""

    def tabs(self, names: Sequence[str], chosen: str, after: str) -> None:
        """Show tabs by number, the chosen one marked by brackets too."""
        parts = []
        for number, name in enumerate(names, start=1):
            text = f"[{number} {name}]" if name == chosen else f" {number} {name} "
            parts.append(((Span(text, "bold" if name == chosen else "dim"),), f"tab('{name}')"))
        used = sum(len(spans[0].text) for spans, _ in parts)
        room = self.size.width - used
        parts.append(((Span(after.rjust(room - 1) if len(after) < room else "", "dim"),), ""))
        self.set_parts(parts)

    def plain(self, name: str, after: str, look: Look) -> None:
        """Show a name and a line behind it."""
        rest = max(self.size.width - len(name) - len(after) - 3, 0)
        self.set_parts(
            [((Span(f"{name} ", "bold"), Span(look("─") * rest, "dim"), Span(f" {after}", "dim")), "")]
        )


class KeyBar(Parts):
    """The keys that work now, the most needed first, as many as fit."""

    def keys(self, actions: Sequence[Action]) -> None:
        """Show the keys of actions."""
        parts: list[tuple[tuple[Span, ...], str]] = []
        used = 0
        for one in sorted((one for one in actions if one.rank), key=lambda one: one.rank):
            spans = (Span(f" {written(one.keys[0])} ", "accent"), Span(f"{one.label} "))
            wide = sum(len(span.text) for span in spans)
            if used + wide > self.size.width:
                break
            used += wide
            parts.append((spans, one.name))
        self.set_parts(parts)
