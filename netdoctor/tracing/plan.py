"""Where a trace has to be asked for: the namespaces of the way that have rules, and the hooks where a packet comes in.

The trace bit stays with a packet through all hooks of a namespace, and through NAT. It does not outlast a veth or a
tunnel (skb_scrub_packet()): each namespace, and each packet that is put around another, needs a match of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from netdoctor.facts.firewall import FirewallText
from netdoctor.facts.host import Host, Namespace
from netdoctor.facts.links import Record
from netdoctor.kernel.conversation import EPHEMERAL
from netdoctor.kernel.netfilter.model import Family, Hook
from netdoctor.kernel.netfilter.ruleset import Ruleset, ruleset_of
from netdoctor.kernel.packet import Frame, Ip
from netdoctor.kernel.walk import Walk
from netdoctor.tracing.signature import Answer

#: NF_IP_PRI_RAW_BEFORE_DEFRAG: before connection tracking puts fragments together, which it does before raw.
EARLY = -450
_FIRST = -(1 << 31)
_IP: tuple[Family, ...] = ("ip", "inet")


class Hanging(Record, frozen=True):
    """A base chain to be made: its family, hook and priority, and (netdev) its device."""

    family: str
    hook: str
    priority: int
    device: str | None = None

    @property
    def name(self) -> str:
        """Its name within the table."""
        return "-".join(filter(None, (self.hook, self.device)))


class Watch(Record, frozen=True):
    """One namespace: the chains that ask for the trace, and the legacy tables of IPv4 that are loaded in it."""

    inode: int
    chains: tuple[Hanging, ...]
    legacy: tuple[str, ...]


def watches(host: Host, walks: Sequence[Walk], further: Iterable[int | None] = ()) -> list[Watch]:
    """Return where to watch for these walks, in their order; `further` are namespaces that count as visited."""
    visited = [step.at.inode for walk in walks for step in walk.steps]
    found = []
    for inode in dict.fromkeys([*visited, *(inode for inode in further if inode is not None)]):
        ns = host.namespace(inode)
        if ns is not None and any(_may_act(text) for text in ns.firewall()):
            found.append(_watch(ns, inode, walks))
    return found


def _may_act(text: FirewallText) -> bool:
    """Tell whether a table may do anything to a packet: a legacy one that was merely looked at has no rule."""
    if text.family not in ("ip", "inet", "bridge", "netdev"):
        return False
    return text.backend == "nft" or text.error is not None or "-A " in text.text or " DROP " in text.text


def _watch(ns: Namespace, inode: int, walks: Sequence[Walk]) -> Watch:
    texts, rules = ns.firewall(), ruleset_of(ns)
    chains = [Hanging("ip", hook, _before(rules, hook, _IP)) for hook in _entrances()]
    if any(text.family == "bridge" for text in texts):
        chains.append(Hanging("bridge", "prerouting", _before(rules, "prerouting", ("bridge",))))
    for hook, ifindex in _at_devices(walks, inode):
        link = ns.link(ifindex)
        if link is not None:
            chains.append(Hanging("netdev", hook, _before(rules, hook, ("netdev", "inet")), link.name))
    legacy = tuple(text.table for text in texts if text.backend == "legacy" and text.family == "ip")
    return Watch(inode, tuple(chains), legacy)


def _entrances() -> tuple[Hook, ...]:
    return "prerouting", "output"


def _before(rules: Ruleset, hook: Hook, families: tuple[Family, ...]) -> int:
    """A priority before all chains that are at the hook."""
    lowest = min((base.priority for base, _ in rules.base_chains(hook, families)), default=0)
    return max(min(EARLY, lowest - 1), _FIRST)


def _at_devices(walks: Sequence[Walk], inode: int) -> list[tuple[Hook, int]]:
    """The hooks of devices at which the walks met rules: a bridged packet may meet no others."""
    met = (one for walk in walks for one in walk.traversals if one.at.inode == inode)
    return list(dict.fromkeys((one.hook, one.at.ifindex) for one in met if one.hook in ("ingress", "egress")))


def answers(walks: Sequence[Walk], port: int) -> tuple[Answer, ...]:
    """Return what the answer to a datagram from source port `port` may look like on its way, by these walks."""
    found: dict[Answer, None] = {}
    for walk in walks:
        for step in walk.steps:
            packet = step.carries.payload if isinstance(step.carries, Frame) else step.carries
            while isinstance(packet, Ip) and isinstance(packet.inner, Frame):
                packet = packet.inner.payload
            if isinstance(packet, Ip) and not packet.flow.arp:
                found[_answer(packet, port)] = None
    return tuple(found)


def _answer(packet: Ip, port: int) -> Answer:
    """The packet itself where it is an answer, else what would answer it."""
    as_answer = Answer(packet.src, packet.dst, packet.sport, packet.dport)
    if packet.flow.leg == "request":
        as_answer = Answer(packet.dst, packet.src, packet.dport, packet.sport)
    if as_answer.dport == EPHEMERAL:
        as_answer = replace(as_answer, dport=port)
    return as_answer
