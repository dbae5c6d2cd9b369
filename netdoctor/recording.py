"""The packets of a probe as a file for the ticket: where each was caught, and which step of the answer it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netdoctor import pcapng
from netdoctor.agreement import directions
from netdoctor.facts.host import Host
from netdoctor.facts.observed import Packet, Sighting
from netdoctor.kernel.packet import Place
from netdoctor.kernel.topology import link_at
from netdoctor.places import namespace_ref
from netdoctor.render.sanitize import visible
from netdoctor.report import Report

_LEGS = {"request": "request", "answer": "reply", "refusal": "reply"}
#: The comment of a block is no place for a novel, and may be 65,535 bytes.
_LONGEST = 1000

Spot = tuple[int | None, str | None, bool]


def recorded(host: Host, report: Report, packets: Sequence[Packet], longest: int) -> bytes:
    """Return a pcapng file of the packets, in their order; `longest` is what was kept of one, in bytes.

    An interface is named `namespace/device`. Comments say what a packet is to the probe, which step of the walk it is,
    and where it was seen last.
    """
    tool = f"{report.tool.name} {report.tool.version}"
    blocks = [pcapng.section(tool, _text(report.summary))]
    numbers: dict[Place, int] = {}
    predicted, last = _predicted(report), _last(report, packets, host)
    for packet in packets:
        at = Place(packet.seen.inode, packet.seen.ifindex)
        if at not in numbers:
            numbers[at] = len(numbers)
            space = namespace_ref(host, at.inode)
            name = _text(f"{space.name}/{_device(host, at) or at.ifindex}")
            blocks.append(pcapng.interface(name, f"ifindex {at.ifindex} of netns {space.inode}", longest))
        said = [_word(packet.seen), *predicted.get(_key(host, packet.seen), [])]
        if packet is last:
            said.append("seen here last")
        data = pcapng.cooked(packet.link, at.ifindex) + packet.data
        length = len(data) + max(0, _length(packet.data) - len(packet.data))
        blocks.append(pcapng.packet(numbers[at], packet.seen.time, data, length, packet.seen.out, said))
    return b"".join(blocks)


def _predicted(report: Report) -> dict[tuple[str, Spot], list[str]]:
    """What the steps of the walk say, by the leg and the crossing that they make."""
    found: dict[tuple[str, Spot], list[str]] = {}
    for leg in report.path.legs:
        for step in leg.steps:
            for out in directions(step.stage, step.action):
                spot = (step.namespace.inode, step.interface, out)
                found.setdefault((leg.direction, spot), [_text(f"predicted: {step.detail}")])
    return found


def _key(host: Host, seen: Sighting) -> tuple[str, Spot]:
    return _LEGS.get(seen.kind, ""), _spot(host, seen)


def _spot(host: Host, seen: Sighting) -> Spot:
    inode = namespace_ref(host, seen.inode).inode
    return inode, _device(host, Place(seen.inode, seen.ifindex)), seen.out


def _last(report: Report, packets: Sequence[Packet], host: Host) -> Packet | None:
    """The packet that was seen last, where the probe was not answered."""
    probe = report.probe
    if probe is None or probe.received or probe.last_seen is None:
        return None
    spot = probe.last_seen
    where = (spot.namespace.inode, spot.interface, spot.direction == "out")
    return next((one for one in reversed(packets) if _spot(host, one.seen) == where), None)


def _word(seen: Sighting) -> str:
    return visible(" ".join(_words(seen)))


def _words(seen: Sighting) -> Iterator[str]:
    yield {"request": "the probe", "answer": "its answer", "refusal": "its refusal", "error": "an error"}[
        seen.kind
    ]
    if seen.number >= 0:
        yield f"(number {seen.number + 1})"
    if seen.tunnel:
        yield "inside VXLAN"
    if seen.detail:
        yield seen.detail


def _text(text: str) -> str:
    """A text for a comment or a name: visible, and encodable whatever bytes a name had."""
    return visible(text)[:_LONGEST]


def _device(host: Host, at: Place) -> str | None:
    link = link_at(host, at)
    return link.name if link is not None else None


def _length(data: bytes) -> int:
    """The length of an IP packet by its own header."""
    if data[0] >> 4 == 6:
        return 40 + int.from_bytes(data[4:6], "big")
    return int.from_bytes(data[2:4], "big")
