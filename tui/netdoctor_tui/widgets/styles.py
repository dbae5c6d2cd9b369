"""What the roles of text look like. The terminal's own sixteen colours, so that its background may be light or dark."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from netdoctor_tui.model.rows import Role, Row

ROLES: dict[Role, Style] = {
    "": Style(),
    "bold": Style(bold=True),
    "dim": Style(dim=True),
    "good": Style(color="green"),
    "bad": Style(color="red", bold=True),
    "doubt": Style(color="yellow"),
    "accent": Style(color="magenta", bold=True),
    "lit": Style(bold=True),
}

CURSOR = Style(reverse=True)
#: Where the cursor of a list is that does not have the focus.
LEFT_BEHIND = Style(underline=True)


def strip_of(row: Row, style: Style | None = None) -> Strip:
    """Return a row as Textual draws it, in its roles' styles or all in one. Texts are segments, never markup."""
    return Strip([Segment(text, style or ROLES[role]) for text, role in row.spans])
