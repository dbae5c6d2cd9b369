"""The JSON schemas of what netdoctor writes: generated from the records, kept beside this file, held by a test."""

from __future__ import annotations

import json
from pathlib import Path

FOLDER = Path(__file__).parent


def current() -> dict[str, str]:
    """Return what the schema files must hold: file name → text."""
    from netdoctor.hostmap import map_schema
    from netdoctor.preflight.records import preflight_schema
    from netdoctor.report import report_schema
    from netdoctor.snapshot import snapshot_schema

    schemas = {
        "map.schema.json": map_schema(),
        "preflight.schema.json": preflight_schema(),
        "report.schema.json": report_schema(),
        "snapshot.schema.json": snapshot_schema(),
    }
    return {name: json.dumps(schema, indent=2) + "\n" for name, schema in schemas.items()}


def write() -> None:
    """Write the schema files. Raises OSError where the folder cannot be written."""
    for name, text in current().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
