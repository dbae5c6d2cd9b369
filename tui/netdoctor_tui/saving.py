"""A report is saved beside where the program was started: under its time, readable by its owner, never over another."""

from __future__ import annotations

import os
import re

from netdoctor.errors import UsageError
from netdoctor.render.json import render_json
from netdoctor.report import Report

#: So many reports of one second are told apart.
_TRIES = 100


def save(report: Report, folder: str = ".") -> str:
    """Write a report as JSON and return the file's name. Raises UsageError where that fails."""
    stamp = re.sub(r"[^0-9TZ]", "", report.created)
    data = render_json(report).encode()
    for number in range(1, _TRIES):
        name = f"netdoctor-{stamp}{f'-{number}' if number > 1 else ''}.json"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            fd = os.open(os.path.join(folder, name), flags, 0o600)
        except FileExistsError:
            continue
        except OSError as error:
            raise UsageError(f"cannot write {name} here: {error.strerror}") from error
        with open(fd, "wb") as file:
            file.write(data)
        return name
    raise UsageError(f"there are {_TRIES} reports netdoctor-{stamp}… here already")
