"""Changes of VXLAN devices and of their remotes."""

from __future__ import annotations

from msgspec.structs import replace

from netdoctor.facts.host import Namespace, NamespaceId
from netdoctor.facts.links import BridgePort, Link, Vxlan
from netdoctor.facts.overlay import Draft
from netdoctor.facts.records import NUD_FIXED, FdbEntry, Neighbour, Route
from netdoctor.fix import command
from netdoctor.fix.change import Change
from netdoctor.fix.command import Argv
from netdoctor.fix.layer2 import PORT_WORDS, name_of
from netdoctor.fix.layer3 import route_words
from netdoctor.kernel.packet import ZERO_MAC, is_multicast

#: NUD_PERMANENT: what `bridge fdb … permanent` sets.
PERMANENT = 0x80
RTPROT_KERNEL = 2
#: Settings of an interface that a device made anew does not have any more.
CONF = (
    "rp_filter",
    "forwarding",
    "proxy_arp",
    "arp_ignore",
    "arp_filter",
    "arp_announce",
    "accept_local",
    "send_redirects",
)


class AddRemote(Change, frozen=True):
    """Add a permanent remote of a VXLAN device, with its port and VNI where they are not the device's own."""

    entry: FdbEntry

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        draft.fdb = (*draft.fdb, replace(self.entry, state=PERMANENT))

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        return [command.bridge(ns.id, "fdb", "append", *remote_words(ns, self.entry), "permanent")]


class ReplaceRemote(Change, frozen=True):
    """Put a permanent remote in the place of another of the same lladdr.

    vxlan_fdb_update_existing() replaces unicast entries only; a flood list gets the new one and loses the old.
    """

    old: FdbEntry
    new: FdbEntry

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        key = (self.old.ifindex, self.old.lladdr, self.old.dst)
        kept = tuple(e for e in draft.fdb if e.dst is None or (e.ifindex, e.lladdr, e.dst) != key)
        draft.fdb = (*kept, replace(self.new, state=PERMANENT))

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        words = remote_words(ns, self.new)
        if self.old.lladdr != ZERO_MAC and not int(self.old.lladdr[:2], 16) & 1:
            return [command.bridge(ns.id, "fdb", "replace", *words, "permanent")]
        add = command.bridge(ns.id, "fdb", "append", *words, "permanent")
        return [add, command.bridge(ns.id, "fdb", "del", *remote_words(ns, self.old))]


class SetVxlan(Change, frozen=True):
    """Change what vxlan_changelink() takes of a device in use: its local address, learning, or its group."""

    ifindex: int
    local: str | None = None
    learning: bool | None = None
    group: str | None = None
    link: int = 0

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`. The default entry follows the group."""
        device = next((link for link in draft.links if link.index == self.ifindex), None)
        data = device.vxlan if device is not None else None
        if data is None:
            return
        if self.group is not None:
            gone = (self.ifindex, ZERO_MAC, data.group)
            kept = tuple(e for e in draft.fdb if (e.ifindex, e.lladdr, e.dst) != gone)
            draft.fdb = (*kept, FdbEntry(self.ifindex, ZERO_MAC, PERMANENT, dst=self.group, via=self.link))
            data = replace(data, group=self.group, link=self.link)
        data = replace(data, local=self.local or data.local)
        learning = data.learning if self.learning is None else self.learning
        draft.edit_link(self.ifindex, vxlan=replace(data, learning=learning))

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        words = ["local", self.local] if self.local else []
        words += ["group", self.group, "dev", name_of(ns, self.link)] if self.group else []
        if self.learning is not None:
            words.append("learning" if self.learning else "nolearning")
        return [command.ip(ns.id, "link", "set", "dev", name_of(ns, self.ifindex), "type", "vxlan", *words)]


class RecreateVxlan(Change, frozen=True):
    """Delete a VXLAN device and make it anew, with another VNI, UDP port or GBP flag: they cannot be changed in use.

    All that hangs on the device goes with it and is put back: lladdr, MTU, addresses, bridge and port flags, sysctls,
    routes, permanent neighbours, remotes. `home` is the namespace of the underlay, where the device has to be made.
    """

    ifindex: int
    data: Vxlan
    home: NamespaceId | None = None
    dev: str | None = None

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`. What was learned is lost."""
        draft.edit_link(self.ifindex, vxlan=self.data)
        draft.fdb = tuple(e for e in draft.fdb if e.ifindex != self.ifindex or e.static)
        mine = tuple(
            n for n in draft.neighbours if n.ifindex != self.ifindex or n.proxy or n.state in NUD_FIXED
        )
        draft.neighbours = mine

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        link = ns.link(self.ifindex)
        if link is None:
            return []
        lines = [command.ip(ns.id, "link", "del", "dev", link.name), self._add(ns, link)]
        lines += [command.ip(ns.id, "addr", "add", *words) for words in _addresses(ns, link)]
        lines += _port(ns, link)
        lines += _sysctls(ns, link)
        lines += [command.ip(ns.id, "link", "set", "dev", link.name, "up")] if link.up else []
        lines += [command.ip(ns.id, "neigh", "replace", *words) for words in _neighbours(ns, link)]
        lines += [
            command.ip(ns.id, "route", "replace", *route_words(ns, route)) for route in lost_routes(ns, link)
        ]
        for entry in ns.fdb_entries():
            if entry.ifindex == link.index and entry.static and entry.dst and not self._default(entry):
                lines.append(command.bridge(ns.id, "fdb", "append", *remote_words(ns, entry), "permanent"))
        return lines

    def _default(self, entry: FdbEntry) -> bool:
        return entry.lladdr == ZERO_MAC and entry.dst == self.data.group

    def _add(self, ns: Namespace, link: Link) -> Argv:
        words = [
            "link",
            "add",
            link.name,
            *(("address", link.address) if link.address else ()),
            "mtu",
            str(link.mtu),
        ]
        maker = self.home or ns.id
        if maker.inode != ns.id.inode:
            words += ["netns", command.target(ns.id)]
        return command.ip(maker, *words, "type", "vxlan", *option_words(self.data, self.dev))


class CreateVxlan(Change, frozen=True):
    """Make a VXLAN device that is missing, and set it up. `link.index` is the one it gets in the facts only."""

    link: Link

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        draft.links = (*draft.links, self.link)
        for key in CONF:
            fresh = draft.base.sysctl(f"ipv4/conf/default/{key}")
            if fresh is not None:
                draft.sysctls[f"ipv4/conf/{self.link.name}/{key}"] = fresh

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        link, data = self.link, self.link.vxlan or Vxlan()
        dev = name_of(ns, data.link) if data.link else None
        words = [
            "link",
            "add",
            link.name,
            "address",
            link.address or "",
            "mtu",
            str(link.mtu),
            "type",
            "vxlan",
        ]
        add = command.ip(ns.id, *words, *option_words(data, dev))
        return [add, command.ip(ns.id, "link", "set", "dev", link.name, "up")]


def remote_words(ns: Namespace, entry: FdbEntry) -> list[str]:
    """A remote in the words of bridge(8)."""
    words = [entry.lladdr, "dev", name_of(ns, entry.ifindex), "dst", entry.dst or ""]
    words += ["port", str(entry.port)] if entry.port else []
    words += ["vni", str(entry.vni)] if entry.vni else []
    words += ["via", name_of(ns, entry.via)] if entry.via else []
    return [*words, "self"]


def option_words(data: Vxlan, dev: str | None) -> list[str]:
    """What follows `type vxlan` in ip-link(8)."""
    words = ["id", str(data.vni)]
    if data.group:
        words += ["group" if is_multicast(data.group) else "remote", data.group]
    words += ["local", data.local] if data.local else []
    words += ["dev", dev] if dev else []
    words += ["dstport", str(data.port), "learning" if data.learning else "nolearning"]
    flags = (("proxy", data.proxy), ("rsc", data.rsc), ("l2miss", data.l2miss), ("l3miss", data.l3miss))
    words += [
        word
        for word, on in (*flags, ("gbp", data.gbp), ("gpe", data.gpe), ("noudpcsum", not data.udp_csum))
        if on
    ]
    words += ["ttl", str(data.ttl)] if data.ttl else []
    words += ["df", ("unset", "set", "inherit")[data.df]] if data.df in (1, 2) else []
    return words + (["ageing", str(data.ageing)] if data.ageing != 300 else [])


def lost_routes(ns: Namespace, link: Link) -> list[Route]:
    """The routes that go with the device and do not come back with its addresses; those that others hang on first."""
    only = {a.local for a in ns.addresses(link.index)} - {
        a.local for a in ns.addresses() if a.ifindex != link.index
    }
    lost = [
        route
        for route in ns.routes()
        if route.protocol != RTPROT_KERNEL
        and (any(hop.oif == link.index for hop in route.nexthops) or route.prefsrc in only)
    ]
    return sorted(lost, key=lambda route: any(hop.gateway for hop in route.nexthops))


def _addresses(ns: Namespace, link: Link) -> list[list[str]]:
    found = []
    for ifa in ns.addresses(link.index):
        if ifa.family == 10 and ifa.scope == 253:
            continue
        peer = ["peer", f"{ifa.address}/{ifa.prefixlen}"] if ifa.address not in (None, ifa.local) else []
        own = [ifa.local, *peer] if peer else [f"{ifa.local}/{ifa.prefixlen}"]
        found.append([*own, *(("broadcast", ifa.broadcast) if ifa.broadcast else ()), "dev", link.name])
    return found


def _port(ns: Namespace, link: Link) -> list[Argv]:
    if not link.master:
        return []
    lines = [command.ip(ns.id, "link", "set", "dev", link.name, "master", name_of(ns, link.master))]
    fresh = BridgePort()
    for flag, word in PORT_WORDS.items():
        value = getattr(link.port or fresh, flag)
        if value != getattr(fresh, flag):
            lines.append(
                command.bridge(ns.id, "link", "set", "dev", link.name, word, "on" if value else "off")
            )
    return lines


def _sysctls(ns: Namespace, link: Link) -> list[Argv]:
    lines = []
    for key in CONF:
        name = f"ipv4/conf/{link.name}/{key}"
        value, fresh = ns.sysctl(name), ns.sysctl(f"ipv4/conf/default/{key}")
        if value is not None and fresh is not None and value != fresh:
            lines.append(command.sysctl(ns.id, name, value))
    return lines


def _neighbours(ns: Namespace, link: Link) -> list[list[str]]:
    fixed = [n for n in ns.neighbours() if n.ifindex == link.index and not n.proxy]
    return [_neighbour(n, link) for n in fixed if n.lladdr and n.state in NUD_FIXED and n.dst != "0.0.0.0"]


def _neighbour(entry: Neighbour, link: Link) -> list[str]:
    return [entry.dst, "lladdr", entry.lladdr or "", "dev", link.name, "nud", entry.state.lower()]
