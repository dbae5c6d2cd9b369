"""`netdoctor snapshot [-o FILE]`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from netdoctor.cli import out
from netdoctor.cli.parser import add_common
from netdoctor.cli.redacting import Veil, add_redaction
from netdoctor.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from netdoctor.cli.parser import Subparsers
    from netdoctor.snapshot import Snapshot


def register(subparsers: Subparsers) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "snapshot",
        help="write everything a diagnosis may need of this host to one file",
        description="Write everything a diagnosis may need of this host as one JSON document. It holds addresses, "
        "names and processes of every network namespace: look at it before you pass it on, or use --redact.",
    )
    parser.add_argument(
        "-o",
        dest="file",
        metavar="FILE",
        help="write to FILE (compressed if it ends in .gz); default: stdout. With --ssh, the folder for HOST.json.gz "
        "of each host; default: the current one",
    )
    parser.add_argument(
        "--ssh",
        nargs="+",
        metavar="HOST",
        help="take the snapshots of other hosts instead, as root@HOST, through ssh and at once; they need Python "
        "3.11 or later, and nothing stays behind there",
    )
    parser.add_argument("--ssh-config", metavar="FILE", help="ssh's configuration, as `ssh -F`")
    add_redaction(parser)
    add_common(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Take the snapshot and write it. What could not be read is in the snapshot, and said on stderr."""
    veil = Veil(args)
    if args.ssh:
        if veil:
            raise UsageError("--redact does not go with --ssh: redact the answer, with --snapshot and --redact")
        from netdoctor.cli.gathering import gather_all

        return gather_all(args.ssh, args.ssh_config, args.file)
    from netdoctor.collect.live import LiveHost
    from netdoctor.snapshot import take

    out.warn_unless_root("the snapshot lacks what this user may not look at")
    with LiveHost() as host:
        snapshot = take(host)
    for missing in snapshot.missing:
        out.warn(f"not seen: {missing.what}: {missing.why}; {missing.how_to_get_it}")
    if veil:
        redaction = veil.over(snapshot.namespaces, [snapshot.host])
        snapshot = redaction.of(snapshot)
        veil.save(redaction)
    _write(snapshot, args.file)
    return ExitCode.REACHABLE


def _write(snapshot: Snapshot, file: str | None) -> None:
    from netdoctor.render.json import ascii_json
    from netdoctor.snapshot import encode, save

    if file is None or file == "-":
        out.write(ascii_json(encode(snapshot).decode()), None)
        return
    try:
        save(snapshot, file)
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}") from error
