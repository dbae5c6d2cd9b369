"""What the commands that put a question have in common: their options, the answering, and how the answer leaves."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from netdoctor.cli import out, pcap
from netdoctor.cli.parser import add_common, add_output
from netdoctor.cli.redacting import Veil, add_redaction
from netdoctor.cli.tracing import add_evidence, check, tell_left_behind, with_evidence
from netdoctor.errors import BY_VERDICT, ExitCode, UsageError
from netdoctor.render.formats import FORMATS, rendered

if TYPE_CHECKING:
    from netdoctor.cli.parser import Subparsers
    from netdoctor.endpoints import Request
    from netdoctor.report import Report
    from netdoctor.snapshot import Snapshot

ENDPOINTS = """endpoints:
  NAME                a container, a pod (NAME or NAMESPACE/NAME) or a named network namespace
  docker:NAME         that container; also podman:, cri:, lxc:, nspawn:
  pod:NAMESPACE/NAME  that pod
  netns:NAME_OR_PATH  a named network namespace, or the file of one
  pid:N               the namespace of a process
  host                the host's own namespace
  an address          as SRC: the namespace that owns it; as DST: that address, whoever owns it
  svc:NAMESPACE/NAME  as DST: a Kubernetes Service, with :PORT where it has several
  ANY@HOST            the same, on that host of those in the snapshots

Exit codes: 0 reachable, 1 unreachable, 2 usage, 3 unknown, 70 a bug in netdoctor, 130 interrupted.
"""

#: What fits into the largest IPv4 packet beside its header and ICMP's (ping(8), -s), or UDP's, which is as long.
MAX_SIZE = 65507


def question_parser(
    subparsers: Subparsers, name: str, line: str, description: str, optional: bool = False
) -> argparse.ArgumentParser:
    """Add the command `name` with the two endpoints and what every question may say about its packet."""
    parser = subparsers.add_parser(
        name,
        help=line,
        description=description,
        epilog=ENDPOINTS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", metavar="SRC", nargs="?" if optional else None)
    parser.add_argument("destination", metavar="DST", nargs="?" if optional else None)
    family = parser.add_mutually_exclusive_group()
    family.add_argument("-4", dest="family", action="store_const", const=2, help="ask about IPv4")
    family.add_argument("-6", dest="family", action="store_const", const=10, help="ask about IPv6")
    parser.add_argument(
        "--from", dest="from_address", metavar="ADDRESS", help="the source address, as `ping -I`"
    )
    return parser


def add_answer(parser: argparse.ArgumentParser, evidence: bool = True) -> None:
    """Add the options that say what is looked at (traces only with `evidence`) and how the answer is given."""
    parser.add_argument(
        "--snapshot",
        action="append",
        default=[],
        metavar="FILE",
        help="answer from a snapshot, of several hosts from several: give it again, or a folder or tar archive of "
        "them; read nothing here",
    )
    parser.add_argument("--no-probe", action="store_true", help="read only: send no packet")
    pcap.add_pcap(parser)
    if evidence:
        add_evidence(parser)
    parser.add_argument("--exit-zero", action="store_true", help="exit 0 whatever the verdict is")
    add_output(parser, FORMATS)
    add_redaction(parser)
    add_common(parser)


def port(text: str) -> int:
    """Read a port. Raises ArgumentTypeError for what is none."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text} is not a port from 1 to 65535")
    return int(text)


def size(text: str) -> int:
    """Read a payload size. Raises ArgumentTypeError for what is none."""
    if not (text.isascii() and text.isdigit() and int(text) <= MAX_SIZE):
        raise argparse.ArgumentTypeError(f"{text} is not a number of bytes from 0 to {MAX_SIZE}")
    return int(text)


def answer(request: Request, args: argparse.Namespace) -> Report:
    """Resolve the endpoints and diagnose, on this host or on the snapshot given; redacted where that is asked for."""
    check(args)
    pcap.check(args)
    veil = Veil(args)
    return _from_snapshot(request, args, veil) if args.snapshot else _live(request, args, veil)


def deliver(report: Report, args: argparse.Namespace) -> int:
    """Write the answer where it was asked for and return the exit code of its verdict."""
    out.warn_of_lost_checks()
    written(report, args)
    return ExitCode.REACHABLE if args.exit_zero else BY_VERDICT[report.verdict]


def _live(request: Request, args: argparse.Namespace, veil: Veil) -> Report:
    from netdoctor.collect.live import LiveHost
    from netdoctor.collect.namespaces import net_inode
    from netdoctor.collect.witness import Witness
    from netdoctor.diagnosis import diagnose
    from netdoctor.endpoints import resolve

    out.warn_unless_root("only what this user may look at is read, and the answer may be `unknown`")
    with pcap.PacketFile(args.pcap) as packets, LiveHost() as host:
        if not args.no_probe:
            tell_left_behind(host)
        question = resolve(host, request, net_inode)
        if args.no_probe:
            report = diagnose(host, question, Witness(host))
        else:
            from netdoctor.probe.run import observe

            keep = packets.keep if packets.wanted else None
            report = diagnose(host, question, Witness(host), lambda plan: observe(host, plan, keep))
            packets.write(host, report)
        report = with_evidence(report, host, question, args)
        if not veil:
            return report
        from netdoctor.snapshot import take

        # Redacted only now: the kernel itself, asked with real addresses, is the witness.
        return _veiled(report, [take(host)], veil)


def _veiled(report: Report, snapshots: Iterable[Snapshot], veil: Veil) -> Report:
    """Redact a report of what these snapshots hold."""
    recorded = list(snapshots)
    namespaces = [facts for snapshot in recorded for facts in snapshot.namespaces]
    redaction = veil.over(namespaces, [snapshot.host for snapshot in recorded])
    redacted = redaction.of(report)
    veil.save(redaction)
    return redacted


def _from_snapshot(request: Request, args: argparse.Namespace, veil: Veil) -> Report:
    from netdoctor.cli.limit import limited
    from netdoctor.collection import host_of_all, load_all
    from netdoctor.diagnosis import diagnose
    from netdoctor.endpoints import resolve
    from netdoctor.snapshot import SnapshotError

    with limited():
        try:
            found = load_all(args.snapshot)
            host = host_of_all(found)
        except SnapshotError as error:
            raise UsageError(str(error)) from error
        question = resolve(host, request)
        report = with_evidence(diagnose(host, question), host, question, args)
        return _veiled(report, (one.snapshot for one in found), veil) if veil else report


def load_snapshot(file: str) -> Snapshot:
    """Read a snapshot. Raises UsageError for one that cannot be read, or holds what no kernel gives."""
    from netdoctor.collection import sound
    from netdoctor.snapshot import SnapshotError, load

    try:
        return sound(load(file), file)
    except SnapshotError as error:
        raise UsageError(str(error)) from error


def written(report: Report, args: argparse.Namespace) -> None:
    """Write a report in the form and to the place that were asked for."""
    style = out.file_style() if args.file not in (None, "-") else out.stdout_style(args.color)
    out.write(rendered(report, args.output, style, verbose=args.verbose), args.file)
