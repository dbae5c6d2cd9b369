"""`--redact` and `--redact-map FILE`: what leaves the program holds other names and addresses."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from netdoctor.errors import UsageError

if TYPE_CHECKING:
    from netdoctor.facts.host import NamespaceFacts
    from netdoctor.redact.redaction import Redaction

SCHEMA = "netdoctor.redaction/1"


def add_redaction(parser: argparse.ArgumentParser) -> None:
    """Add the options of redaction."""
    parser.add_argument(
        "--redact",
        action="store_true",
        help="put other addresses and names in the place of the real ones, the same for the same",
    )
    parser.add_argument(
        "--redact-map",
        metavar="FILE",
        help="with --redact: write what stands for what to FILE, readable by you only",
    )


class Veil:
    """The redaction that a command line asks for, or none. Raises UsageError for a map without a redaction."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._wanted: bool = args.redact
        self._file: str | None = args.redact_map
        if self._file is not None and not self._wanted:
            raise UsageError("--redact-map goes with --redact")

    def __bool__(self) -> bool:
        return self._wanted

    def over(self, namespaces: Iterable[NamespaceFacts], hosts: Iterable[str]) -> Redaction:
        """Return a redaction of these facts, under a key that nobody keeps."""
        from netdoctor.redact.redaction import Redaction

        return Redaction(namespaces, os.urandom(32), hosts)

    def save(self, redaction: Redaction) -> None:
        """Write the map beside the answer, where one is wanted. Raises UsageError where that fails."""
        if self._file is None:
            return
        text = json.dumps({"schema": SCHEMA, **redaction.mapping()}, indent=1) + "\n"
        try:
            fd = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with open(fd, "w", encoding="utf-8") as file:
                os.fchmod(fd, 0o600)
                file.write(text)
        except OSError as error:
            raise UsageError(f"cannot write {self._file}: {error.strerror}") from error
