"""The manual page netdoctor(1): commands and options by the parser, the rest by hand; a test holds it up to date."""

from __future__ import annotations

from pathlib import Path

FILE = Path(__file__).parent / "netdoctor.1"


def write() -> None:
    """Write the page again. Raises OSError where the folder cannot be written."""
    from netdoctor.man.page import page

    FILE.write_text(page(), encoding="utf-8")
