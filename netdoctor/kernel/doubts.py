"""What stands on the way of an answered packet and is not modelled: tc, XDP, IPsec, unreadable rules. It may drop it.

Looked for only after the walk and only where the packet (and the ARP exchanges that served it) really came by, so that
a namespace that merely got a flooded copy is neither read nor held against the answer.
"""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.facts.firewall import FirewallText
from netdoctor.facts.host import Namespace
from netdoctor.facts.links import Link
from netdoctor.facts.records import Ruleset
from netdoctor.kernel.endings import Answered, Undecided
from netdoctor.kernel.netfilter.frames import calls_iptables
from netdoctor.kernel.netfilter.ruleset import ruleset_of
from netdoctor.kernel.packet import Arp, Frame, Ip
from netdoctor.kernel.topology import link_at
from netdoctor.kernel.walk import Step, Walk

#: Root queueing disciplines that pass a handful of packets whatever their parameters.
HARMLESS_QDISCS = (
    None,
    "noqueue",
    "pfifo_fast",
    "fq_codel",
    "fq",
    "mq",
    "pfifo",
    "bfifo",
    "sfq",
    "codel",
    "noop",
    "pie",
)


def doubts(walk: Walk) -> list[Undecided]:
    """Return what may have dropped the answered packet, in the order of its steps, each place and thing once."""
    found: dict[tuple[int, int, str], Undecided] = {}
    for number in sorted(_served(walk)):
        for undecided in _at_step(walk, walk.steps[number]):
            found.setdefault(
                (undecided.at.inode, undecided.at.ifindex if undecided.device else 0, undecided.what),
                undecided,
            )
    return list(found.values())


def _served(walk: Walk) -> set[int]:
    """The steps of the answered packet, and of every ARP exchange that taught somebody an lladdr."""
    numbers = {number for end in walk.endings if isinstance(end, Answered) for number in walk.chain(end.step)}
    for number, step in enumerate(walk.steps):
        if step.stage == "arp" and step.action == "learn":
            numbers.update(walk.chain(number))
    return numbers


def _at_step(walk: Walk, step: Step) -> Iterator[Undecided]:
    ns = walk.host.namespace(step.at.inode)
    if ns is None:
        return
    link = link_at(walk.host, step.at) if step.at.ifindex else None
    if link is not None and step.stage in ("transmit", "receive"):
        yield from _device(step, ns, link)
    for ruleset in _unread(ns):
        if ruleset.ifindex is None and ruleset.family in _families(ns, step, link):
            yield Undecided(step.at, ruleset.detail, ruleset.command, False)
    if step.stage == "route" and any(
        hop.encap for fact in step.facts for hop in getattr(fact, "nexthops", ())
    ):
        yield Undecided(
            step.at,
            "a route with a lightweight tunnel (encap)",
            ("ip", "route", "show", "table", "all"),
            False,
        )


def _device(step: Step, ns: Namespace, link: Link) -> Iterator[Undecided]:
    if link.xdp and step.stage == "receive":
        yield Undecided(
            step.at, f"XDP program on {link.name}", ("ip", "-d", "link", "show", "dev", link.name), True
        )
    if step.stage == "transmit" and link.qdisc not in HARMLESS_QDISCS:
        command = ("tc", "-s", "qdisc", "show", "dev", link.name)
        yield Undecided(step.at, f"queueing discipline {link.qdisc} on {link.name}", command, True)
    for ruleset in ns.rulesets():
        if ruleset.ifindex == link.index:
            yield Undecided(step.at, ruleset.detail, ruleset.command, True)


def _unread(ns: Namespace) -> Iterator[Ruleset]:
    """What is loaded and not walked: IPsec, tc and BPF always; rules only where their table could not be read."""
    yield from ns.rulesets()
    if ns.firewall():
        yield from (_table(text) for text in ruleset_of(ns).unread)


def _table(text: FirewallText) -> Ruleset:
    """Name a table that could not be read, or where it is not known which there are, all of them."""
    legacy = text.backend == "legacy"
    kind = "iptables" if legacy else "nft"
    one = ("table", text.family, text.table) if text.table else ("ruleset",)
    command = (text.tool, "-c") if legacy else ("nft", "list", *one)
    name = f"{'legacy ' if legacy else ''}table {text.family} {text.table}, which could not be read"
    if not text.table:
        name = f"{'legacy iptables' if legacy else 'nftables'} rules, which could not be looked for"
    return Ruleset(kind, text.family if text.table else "any", name, command)


def _families(ns: Namespace, step: Step, link: Link | None) -> tuple[str, ...]:
    """The families of what a packet meets at this step."""
    payload = step.carries.payload if isinstance(step.carries, Frame) else step.carries
    if step.stage in ("transmit", "receive"):
        return ("netdev", "arp") if isinstance(payload, Arp) else ("netdev",)
    if step.stage == "bridge":
        at_ip = isinstance(payload, Ip) and link is not None and calls_iptables(ns, link)
        return ("bridge", "any", "ip", "inet") if at_ip else ("bridge", "any")
    return ("ip", "inet", "xfrm", "any") if step.stage in ("route", "deliver") else ()
