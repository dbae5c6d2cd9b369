"""Text from the system, written so that it stays text in XML and HTML."""

from __future__ import annotations

from xml.sax.saxutils import escape

from netdoctor.render.sanitize import visible


def escaped(text: str) -> str:
    """Return `text` for the inside of an element or of a quoted attribute; what XML cannot hold becomes visible."""
    return (
        escape(visible(text), {'"': "&quot;", "'": "&#39;"})
        .replace("\ufffe", "\\ufffe")
        .replace("\uffff", "\\uffff")
    )
