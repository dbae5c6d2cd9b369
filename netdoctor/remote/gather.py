"""Take the snapshots of several hosts at once, through the system's own ssh."""

from __future__ import annotations

import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from netdoctor.errors import UsageError
from netdoctor.facts.links import Record
from netdoctor.remote import parcel
from netdoctor.snapshot import LIMIT, SnapshotError, expand

#: So many hosts are asked at once.
AT_ONCE = 16
#: Seconds that a host may take.
PATIENCE = 300


class Gathered(Record, frozen=True):
    """What came of one host: its snapshot as JSON, or why there is none; `notes` is what it said on stderr."""

    host: str
    data: bytes = b""
    error: str = ""
    notes: tuple[str, ...] = ()


def gather(
    hosts: Sequence[str], options: Sequence[str] = (), patience: float = PATIENCE
) -> Iterator[Gathered]:
    """Yield what comes of each host (as ssh(1) takes it: `[USER@]HOST`), in the order in which they are done.

    `options` are those of ssh. Nothing asks for a password: a key or an agent is needed. Raises UsageError for what is
    no host, or where there is no ssh.
    """
    for host in hosts:
        if not host or host.startswith("-") or any(c.isspace() or not c.isprintable() for c in host):
            raise UsageError(f"{host!r} is no host")
    packed = parcel.pack()
    words = ["ssh", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=15", *options, "--"]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = [pool.submit(_one, host, [*words, host, parcel.command()], packed, patience) for host in hosts]
        for job in as_completed(jobs):
            yield job.result()


def _one(host: str, words: list[str], packed: bytes, patience: float) -> Gathered:
    try:
        code, data, said = _run(words, packed, patience)
    except FileNotFoundError as error:
        raise UsageError("ssh is not installed") from error
    notes = tuple(line.strip() for line in said.decode("utf-8", "replace").splitlines() if line.strip())
    if code != 0:
        return Gathered(host, error=(notes or (f"ssh ended with exit code {code}",))[-1], notes=notes[:-1])
    try:
        return Gathered(host, expand(data, f"what {host} sent"), notes=notes)
    except SnapshotError as error:
        return Gathered(host, error=str(error), notes=notes)


def _run(words: list[str], packed: bytes, patience: float) -> tuple[int, bytes, bytes]:
    """Run ssh; returns its exit code, what came on stdout (never more than a snapshot may have), and on stderr."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
        given.write(packed)
        given.seek(0)
        with subprocess.Popen(words, stdin=given, stdout=subprocess.PIPE, stderr=said) as ssh:
            timer = threading.Timer(patience, ssh.kill)
            timer.start()
            try:
                assert ssh.stdout is not None
                data = ssh.stdout.read(LIMIT + 1)
                if len(data) > LIMIT:
                    ssh.kill()
                code = ssh.wait()
            finally:
                timer.cancel()
                ssh.kill()
        said.seek(0)
        return code, data, said.read(1 << 16) or (b"took too long" if code < 0 else b"")
