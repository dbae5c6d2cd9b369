"""`--pcap FILE`: the packets that the taps caught, for the ticket."""

from __future__ import annotations

import argparse
import os
import stat
import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING

from netdoctor.cli import out
from netdoctor.errors import UsageError

if TYPE_CHECKING:
    from netdoctor.facts.host import Host
    from netdoctor.facts.observed import Packet
    from netdoctor.report import Report


def add_pcap(parser: argparse.ArgumentParser) -> None:
    """Add the option."""
    parser.add_argument(
        "--pcap",
        metavar="FILE",
        help="write the packets of the probe, as they were seen on every device, to FILE (pcapng)",
    )


def check(args: argparse.Namespace) -> None:
    """Raise UsageError for options that --pcap does not go with, before anything is looked at."""
    if args.pcap is None:
        return
    if args.snapshot:
        raise UsageError("--pcap needs the live host; with --snapshot nothing is sent")
    if args.no_probe:
        raise UsageError("--pcap holds the packets of the probe, and --no-probe forbids it")
    if args.pcap in ("", "-"):
        raise UsageError("--pcap needs a file: stdout carries the answer only")
    if args.redact:
        raise UsageError(
            "--pcap holds the packets as they are, addresses and all; it does not go with --redact"
        )


class PacketFile:
    """The file of one run, or none. A context manager: what was not written until its end leaves nothing behind.

    Raises UsageError at once where the file cannot be written. It is replaced as a whole, when all packets are there.
    """

    def __init__(self, name: str | None) -> None:
        self._name = name
        self._packets: list[Packet] | None = None
        self._draft = _draft(name) if name is not None else None

    def __enter__(self) -> PacketFile:
        return self

    def __exit__(self, *_: object) -> None:
        if self._draft is not None:
            with suppress(OSError):
                os.unlink(self._draft)

    @property
    def wanted(self) -> bool:
        """Whether there is a file to write."""
        return self._draft is not None

    def keep(self, packets: list[Packet]) -> None:
        """Keep what was caught until the answer is known."""
        self._packets = packets

    def write(self, host: Host, report: Report) -> None:
        """Write the packets, with what the report says of them. Raises UsageError where that fails."""
        if self._name is None or self._draft is None:
            return
        if self._packets is None:
            out.warn(f"--pcap: no packet could be sent; {self._name} is not written")
            return
        from netdoctor.probe.taps import WHOLE
        from netdoctor.recording import recorded

        data = recorded(host, report, self._packets, WHOLE)
        try:
            with open(self._draft, "wb") as file:
                file.write(data)
            os.replace(self._draft, self._name)
        except OSError as error:
            raise UsageError(f"cannot write {self._name}: {error.strerror}") from error
        self._draft = None


def _draft(name: str) -> str:
    """Make the empty file beside `name` that is to take its place, readable by its owner only."""
    try:
        with suppress(FileNotFoundError):
            _replaceable(os.lstat(name).st_mode)
        fd, draft = tempfile.mkstemp(prefix=".netdoctor-", dir=os.path.dirname(name) or ".")
        os.close(fd)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot write {name}: {getattr(error, 'strerror', None) or error}") from error
    return draft


def _replaceable(mode: int) -> None:
    """Raise OSError for what is no plain file: it would be lost if another took its place."""
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(None, "it is a folder")
    if not stat.S_ISREG(mode):
        raise OSError(None, "it is no regular file")
