"""A question typed as one line: SRC DST, and perhaps tcp:PORT or udp:PORT."""

from __future__ import annotations

import re
import shlex

from netdoctor.endpoints import Request
from netdoctor.errors import UsageError

_PORT = re.compile(r"(?:--)?(tcp|udp)[:=/ ](\d{1,5})")

FORM = "a question is SRC DST, and tcp:PORT or udp:PORT where one is meant"


def parse_question(line: str, before: Request | None = None) -> Request:
    """Return what a line asks; one word alone is another destination for the source of the question `before`.

    Raises UsageError for a line of another form.
    """
    protocol, port = "icmp", None
    if found := _PORT.search(line):
        protocol, port = found[1], int(found[2])
        line = line[: found.start()] + line[found.end() :]
        if not 1 <= port <= 65535:
            raise UsageError(f"{port} is not a port from 1 to 65535")
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError(f"{FORM}: {error}") from error
    if len(words) == 1 and before is not None:
        words.insert(0, before.source)
    if len(words) != 2:
        raise UsageError(FORM)
    size = 0 if protocol == "tcp" else 56
    return Request(words[0], words[1], size=size, protocol=protocol, port=port)


def line_of(request: Request | None) -> str:
    """Return a question as one would type it; empty where there is none."""
    if request is None:
        return ""
    words = shlex.join((request.source, request.destination))
    return f"{words} {request.protocol}:{request.port}" if request.port is not None else words
