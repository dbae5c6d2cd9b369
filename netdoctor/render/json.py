"""The report as JSON: `netdoctor.report/1`, keys in the order of the schema, bytes in ASCII whatever the locale."""

from __future__ import annotations

import json
import re

import msgspec

from netdoctor.report import Part


def render_json(report: Part) -> str:
    """Return a report (or map) as an indented JSON document with a final newline.

    What is not ASCII is written as an escape, so that no control character reaches a terminal; the data is the same.
    """
    text = json.dumps(msgspec.to_builtins(report), indent=2, ensure_ascii=False)
    # A name that is no UTF-8 (PEP 383) is no JSON text either; it shows as its escape.
    text = re.sub("[\ud800-\udfff]", lambda match: f"\\\\u{ord(match.group()):04x}", text)
    return ascii_json(text) + "\n"


def ascii_json(text: str) -> str:
    """Return a JSON document with every character that is not printable ASCII as an escape."""
    return re.sub("[^\x00-\x7e]", _escape, text)


def _escape(match: re.Match[str]) -> str:
    units = match.group().encode("utf-16-be").hex()
    return "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4))
