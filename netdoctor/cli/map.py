"""`netdoctor map`: the namespaces of a host, the devices in them, and what is cabled to what."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from netdoctor.cli import out
from netdoctor.cli.asking import load_snapshot
from netdoctor.cli.parser import add_common, add_output
from netdoctor.cli.redacting import Veil, add_redaction
from netdoctor.errors import ExitCode
from netdoctor.render.formats import DRAWN, drawn

if TYPE_CHECKING:
    from netdoctor.cli.parser import Subparsers
    from netdoctor.hostmap import HostMap


def register(subparsers: Subparsers) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "map",
        help="the namespaces of a host, and what is cabled to what",
        description="Show the topology of this host, or of a snapshot: namespaces, devices with their addresses, veth "
        "pairs, bridges and their ports, tunnels, and what stands on what.",
    )
    parser.add_argument("--snapshot", metavar="FILE", help="draw a snapshot; read nothing here")
    add_output(parser, ("text", "json", *DRAWN))
    add_redaction(parser)
    add_common(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Draw the map. Raises UsageError for a snapshot that cannot be read."""
    veil = Veil(args)
    chart = _surveyed(args.snapshot, veil)
    out.write(_rendered(chart, args), args.file)
    return ExitCode.REACHABLE


def _surveyed(file: str | None, veil: Veil) -> HostMap:
    from netdoctor.snapshot import snapshot_host, take
    from netdoctor.survey import survey

    if file is not None:
        snapshot = load_snapshot(file)
    else:
        from netdoctor.collect.live import LiveHost

        out.warn_unless_root("the map lacks what this user may not look at")
        with LiveHost() as host:
            if not veil:
                return survey(host)
            snapshot = take(host)
    if not veil:
        return survey(snapshot_host(snapshot))
    redaction = veil.over(snapshot.namespaces, [snapshot.host])
    chart = survey(snapshot_host(redaction.of(snapshot)))
    veil.save(redaction)
    return chart


def _rendered(chart: HostMap, args: argparse.Namespace) -> str:
    if args.output == "json":
        from netdoctor.render.json import render_json

        return render_json(chart)
    if args.output in DRAWN:
        from netdoctor.render.drawing.topology import map_diagram

        return drawn(map_diagram(chart), args.output)
    from netdoctor.render.maptext import render_map

    style = out.file_style() if args.file not in (None, "-") else out.stdout_style(args.color)
    return render_map(chart, style, verbose=args.verbose)
