"""The path as a drawing: request and reply, namespace by namespace, with a mark on every line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from netdoctor.render.style import Style
from netdoctor.report import Cause, LegPart, PacketPart, Report, StepPart

#: Outcome → the symbol and colour of the line where the leg ends, and the word.
OUTCOMES = {
    "delivered": ("✓", "green", "arrives"),
    "dropped": ("╳", "red", "does not arrive"),
    "unknown": ("?", "yellow", "cannot be told"),
}

_PASSING = ("receive", "transmit")
_LEADING = ("jump ", "goto ", "return")


def path_lines(report: Report, style: Style, *, verbose: bool) -> Iterator[str]:
    """Yield both legs: a line for each device on the way, or for each step if `verbose`."""
    for number, leg in enumerate(report.path.legs):
        if number:
            yield ""
        yield _leg_title(report, leg, style)
        yield from _steps(leg, style) if verbose else _devices(leg, report.causes, style)


def _leg_title(report: Report, leg: LegPart, style: Style) -> str:
    symbol, color, word = OUTCOMES[leg.outcome]
    if not leg.steps:
        before = leg.direction == "reply" and report.path.legs[0].outcome != "delivered"
        word = "not sent: the request does not arrive" if before else "was not walked"
        return f"{style.paint(f'{leg.direction:<7}', 'bold')}  {style.symbol('?')} {word}"
    ends = _ends(report, leg)
    arrow = style.symbol("→")
    outcome = style.paint(f"{style.symbol(symbol)} {word}", color)
    return f"{style.paint(f'{leg.direction:<7}', 'bold')}  {ends[0]} {arrow} {ends[1]}  {outcome}"


def _ends(report: Report, leg: LegPart) -> tuple[str, str]:
    question = report.question
    source = question.source.address or question.source.name
    destination = question.destination.address or question.destination.name
    fallback = (source, destination) if leg.direction == "request" else (destination, source)
    # Before its route is looked up, a packet has no source yet.
    chosen = (step.packet.source for step in leg.steps if step.packet.source not in (None, "0.0.0.0", "::"))
    return next(chosen, None) or fallback[0], leg.steps[0].packet.destination or fallback[1]


def _where(step: StepPart) -> tuple[str | None, int | None, str]:
    return step.host, step.namespace.inode, step.namespace.name


def _devices(leg: LegPart, causes: tuple[Cause, ...], style: Style) -> Iterator[str]:
    """One line for each device that is visited, under the name of its namespace."""
    several = _several_hosts(leg)
    # What happens before a device is chosen belongs to none, and is worth a line only where the leg ends there.
    steps = [step for step in leg.steps[:-1] if step.interface is not None] + list(leg.steps[-1:])
    runs = [list(run) for _, run in groupby(steps, key=lambda s: (*_where(s), s.interface))]
    width = max((len(_device(run[-1])) for run in runs), default=0)
    previous = None
    for number, run in enumerate(runs):
        step = run[-1]
        if _where(step) != previous:
            previous = _where(step)
            yield "  " + style.paint(_namespace(step, with_host=several), "bold")
        last = number == len(runs) - 1
        symbol, color = OUTCOMES[leg.outcome][:2] if last else ("✓", "green")
        head = f"    {style.symbol(symbol)} {_device(step):<{width}}  "
        text = _told(run) + place_codes(run, causes, leg, last=last)
        lines = style.wrap(text, " " * len(head), first=head)
        mark = len(f"    {style.symbol(symbol)}")
        yield style.paint(lines[0][:mark], color) + lines[0][mark:]
        yield from lines[1:]


def _device(step: StepPart) -> str:
    return step.interface or f"({step.stage})"


def _told(run: list[StepPart]) -> str:
    """What happened at the device, in one line. That it came in or went out says the drawing itself.

    Rules that only led from chain to chain are left to the long form.
    """
    worth = [step for step in run if step.stage not in _PASSING and not _led_only(step)]
    details = [step.detail for step in worth] or [run[-1].detail]
    return "; ".join(dict.fromkeys(details))


def _led_only(step: StepPart) -> bool:
    return bool(step.rules) and all(rule.verdict.startswith(_LEADING) for rule in step.rules)


def _several_hosts(leg: LegPart) -> bool:
    return len({step.host for step in leg.steps}) > 1


def _namespace(step: StepPart, *, with_host: bool) -> str:
    return f"{step.namespace.name} on {step.host}" if with_host and step.host else step.namespace.name


def place_codes(run: Sequence[StepPart], causes: tuple[Cause, ...], leg: LegPart, *, last: bool) -> str:
    """The codes of the causes that sit at this device; where a leg is dropped, at least the first cause's."""
    here = [
        cause.code
        for cause in causes
        if cause.leg == leg.direction
        and cause.location.namespace is not None
        and cause.location.namespace.inode == run[0].namespace.inode
        and cause.location.interface is not None
        and cause.location.interface == run[0].interface
    ]
    if not here and last and leg.outcome == "dropped":
        here = [cause.code for cause in causes if cause.leg == leg.direction][:1]
    return f" [{', '.join(here)}]" if here else ""


def _steps(leg: LegPart, style: Style) -> Iterator[str]:
    """Every step, with the packet where it changed."""
    previous: PacketPart | None = None
    several = _several_hosts(leg)
    for number, step in enumerate(leg.steps):
        last = number == len(leg.steps) - 1
        symbol, color = OUTCOMES[leg.outcome][:2] if last else ("✓", "green")
        place = " ".join(part for part in (_namespace(step, with_host=several), step.interface) if part)
        head = f"  {style.symbol(symbol)} "
        lines = style.wrap(f"{place}: {step.stage} {step.action}: {step.detail}", "      ", first=head)
        yield style.paint(lines[0][: len(head)], color) + lines[0][len(head) :]
        yield from lines[1:]
        for rule in step.rules:
            text = f"{rule.table} {rule.chain} {rule.rule}: {rule.rule_text}"
            yield from style.wrap(text, "        ", first="      ")
        if step.packet != previous:
            yield from (
                style.paint(line, "dim") for line in style.wrap(packet_text(step.packet, style.symbol("→")), "      ")
            )
        previous = step.packet


def packet_text(packet: PacketPart, arrow: str) -> str:
    """Return a packet in a line, with `arrow` between its two ends."""
    parts = [f"{packet.protocol} {packet.source or '-'} {arrow} {packet.destination or '-'}"]
    if packet.ttl is not None:
        parts.append(f"ttl {packet.ttl}")
    if packet.source_lladdr or packet.destination_lladdr:
        parts.append(f"{packet.source_lladdr or '-'} {arrow} {packet.destination_lladdr or '-'}")
    if packet.vlan is not None:
        parts.append(f"vlan {packet.vlan}")
    if packet.outer:
        parts.append(f"in {packet.outer}")
    return ", ".join(parts)
