"""`netdoctor snapshot --ssh HOST…`: one file for each host, with progress on stderr."""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

from netdoctor.cli import out
from netdoctor.errors import ExitCode, Undecidable, UsageError


def gather_all(hosts: list[str], config: str | None, folder: str | None) -> int:
    """Gather the hosts' snapshots into `folder` and return the exit code.

    What fails on one host keeps no other from being written. Raises UsageError where nothing can be written,
    Undecidable (at the end) where a host gave no snapshot.
    """
    from netdoctor.remote.gather import gather

    target = Path(folder or ".")
    files = {host: target / f"{re.sub(r'[^A-Za-z0-9._@-]', '_', host)}.json.gz" for host in hosts}
    if len(set(files.values())) < len(hosts):
        raise UsageError("a host is given twice")
    failed = []
    try:
        target.mkdir(parents=True, exist_ok=True)
        for number, got in enumerate(gather(hosts, ("-F", config) if config else ()), start=1):
            for note in got.notes:
                out.warn(f"{got.host}: {note}")
            if got.error:
                failed.append(got.host)
                out.warn(f"{got.host}: {got.error} ({number} of {len(hosts)})")
                continue
            _write(files[got.host], got.data)
            out.warn(f"{got.host}: {files[got.host]} ({number} of {len(hosts)})")
    except OSError as error:
        raise UsageError(f"cannot write to {target}: {error.strerror}") from error
    if failed:
        raise Undecidable(f"no snapshot of {', '.join(sorted(failed))}")
    return ExitCode.REACHABLE


def _write(path: Path, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(fd, "wb") as file:
        file.write(gzip.compress(data, compresslevel=6))
