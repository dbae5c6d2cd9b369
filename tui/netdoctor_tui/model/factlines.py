"""One record of a namespace's facts as one line, in the words of iproute2 (ip-route(8), ip-neighbour(8), bridge(8))."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.facts.host import NamespaceFacts
from netdoctor.facts.links import Link
from netdoctor.facts.records import (
    NTF_MASTER,
    NTF_ROUTER,
    NTF_SELF,
    Address,
    FdbEntry,
    Neighbour,
    NextHop,
    Route,
    Rule,
)
from netdoctor.facts.sockets import Socket

_TABLES = {253: "default", 254: "main", 255: "local"}
_SCOPES = {0: "global", 200: "site", 253: "link", 254: "host", 255: "nowhere"}
_PROTOCOLS = {
    1: "redirect",
    2: "kernel",
    3: "boot",
    4: "static",
    9: "ra",
    16: "dhcp",
    186: "bgp",
    188: "ospf",
}
#: Flags of a bridge port that are worth a word where they are on, and where they are off.
_PORT_ON = ("hairpin", "isolated", "locked", "neigh_suppress", "proxyarp")
_PORT_OFF = ("learning", "unicast_flood", "bcast_flood")
_PORT_STATES = ("disabled", "listening", "learning", "forwarding", "blocking")


class Names:
    """The names of the devices of a namespace, by their numbers."""

    def __init__(self, facts: NamespaceFacts) -> None:
        self._names = {link.index: link.name for link in facts.links}

    def __call__(self, index: int | None) -> str:
        """Return the name of a device, `if7` where there is none of that number."""
        return self._names.get(index or 0, f"if{index}")


def link_lines(link: Link, name: Names) -> Iterator[str]:
    """Yield what a device is, in a few lines."""
    state = "up" if link.up else "DOWN"
    carrier = "" if link.carrier or not link.up else ", NO CARRIER"
    kind = link.kind or ("loopback" if link.loopback else "nic")
    yield f"{link.name}: {kind}, {state}{carrier}, mtu {link.mtu}, ifindex {link.index}"
    words = [f"lladdr {link.address}"] if link.address else []
    words += [f"master {name(link.master)}"] if link.master else []
    if link.iflink and link.iflink != link.index:
        where = f" in link-netnsid {link.link_netnsid}" if link.link_netnsid is not None else ""
        words.append(f"peer or lower device if{link.iflink}{where}")
    words += [f"qdisc {link.qdisc}"] if link.qdisc else []
    words += ["noarp"] if link.noarp else []
    words += ["XDP program"] if link.xdp else []
    if words:
        yield f"  {', '.join(words)}"
    yield from (f"  {text}" for text in _details(link))


def _details(link: Link) -> Iterator[str]:
    if link.bridge is not None:
        held = link.bridge
        yield (
            f"bridge: stp {_on(held.stp_state != 0)}, vlan_filtering {_on(held.vlan_filtering)}, nf_call_iptables "
            f"{_on(held.nf_call_iptables)}, ageing {held.ageing_time / 100:g} s"
        )
    if link.port is not None:
        flags = [flag for flag in _PORT_ON if getattr(link.port, flag)]
        off = [f"{flag} off" for flag in _PORT_OFF if not getattr(link.port, flag)]
        state = _PORT_STATES[link.port.state] if link.port.state < len(_PORT_STATES) else str(link.port.state)
        yield "bridge port: " + ", ".join([state, *flags, *off])
    if link.vxlan is not None:
        tunnel = link.vxlan
        ends = [f"local {tunnel.local}"] if tunnel.local else []
        ends += [f"group {tunnel.group}"] if tunnel.group else []
        learning = _on(tunnel.learning)
        yield ", ".join([f"vxlan: id {tunnel.vni}, dstport {tunnel.port}", *ends, f"learning {learning}"])
    if link.macvlan is not None:
        yield f"macvlan: mode {link.macvlan.mode}"


def _on(flag: bool) -> str:
    return "on" if flag else "off"


def address_line(held: Address, name: Names) -> str:
    """Return an address of an interface."""
    peer = f" peer {held.address}" if held.address not in (None, held.local) else ""
    secondary = " secondary" if held.secondary else ""
    scope = _SCOPES.get(held.scope, str(held.scope))
    return f"{held.local}/{held.prefixlen}{peer} dev {name(held.ifindex)} scope {scope}{secondary}"


def route_line(route: Route, name: Names) -> str:
    """Return a FIB entry."""
    default = route.prefixlen == 0
    words = [] if route.type == "unicast" else [route.type]
    words.append("default" if default else f"{route.dst}/{route.prefixlen}")
    words += [f"nhid {route.nh_id}"] if route.nh_id is not None else []
    for hop in route.nexthops:
        words.append(_hop(hop, name, several=len(route.nexthops) > 1))
    words.append(f"table {_TABLES.get(route.table, route.table)}")
    words += [f"proto {_PROTOCOLS.get(route.protocol, route.protocol)}"] if route.protocol else []
    words += [f"scope {_SCOPES.get(route.scope, route.scope)}"] if route.scope else []
    words += [f"src {route.prefsrc}"] if route.prefsrc else []
    words += [f"metric {route.priority}"] if route.priority else []
    words += [f"mtu {route.mtu}"] if route.mtu else []
    return " ".join(words)


def _hop(hop: NextHop, name: Names, *, several: bool) -> str:
    words = ["nexthop"] if several else []
    words += [f"via {hop.gateway}"] if hop.gateway else []
    words += [f"dev {name(hop.oif)}"] if hop.oif else []
    words += [f"weight {hop.weight}"] if several else []
    words += [word for bit, word in ((1, "dead"), (16, "linkdown"), (4, "onlink")) if hop.flags & bit]
    return " ".join(words)


def rule_line(rule: Rule) -> str:
    """Return a policy rule."""
    words = [f"{rule.priority}:"]
    words += ["not"] if rule.invert else []
    words.append(f"from {rule.src}/{rule.src_len}" if rule.src else "from all")
    words += [f"to {rule.dst}/{rule.dst_len}"] if rule.dst else []
    words += [f"iif {rule.iif}"] if rule.iif else []
    words += [f"oif {rule.oif}"] if rule.oif else []
    words += [f"fwmark {rule.fwmark:#x}/{rule.fwmask:#x}"] if rule.fwmark or rule.fwmask else []
    words += [f"ipproto {rule.ip_proto}"] if rule.ip_proto else []
    words += [f"dport {rule.dport[0]}-{rule.dport[1]}"] if rule.dport else []
    table = _TABLES.get(rule.table, rule.table)
    words.append(
        f"lookup {table}" if rule.action == "table" else f"goto {rule.goto}" if rule.goto else rule.action
    )
    if rule.suppress_prefixlength is not None:
        words.append(f"suppress_prefixlength {rule.suppress_prefixlength}")
    return " ".join(words)


def neighbour_line(entry: Neighbour, name: Names) -> str:
    """Return a neighbour entry."""
    lladdr = f" lladdr {entry.lladdr}" if entry.lladdr else ""
    flags = (" proxy" if entry.proxy else "") + (" router" if entry.flags & NTF_ROUTER else "")
    return f"{entry.dst} dev {name(entry.ifindex)}{lladdr}{flags} {entry.state}"


def fdb_line(entry: FdbEntry, name: Names) -> str:
    """Return an entry of a forwarding database."""
    words = [entry.lladdr, "dev", name(entry.ifindex)]
    words += [f"dst {entry.dst}"] if entry.dst else []
    words += [f"port {entry.port}"] if entry.port else []
    words += [f"vni {entry.vni}"] if entry.vni else []
    words += [f"vlan {entry.vlan}"] if entry.vlan else []
    words += [f"master {name(entry.master)}"] if entry.master else []
    words += ["self"] if entry.flags & NTF_SELF and not entry.flags & NTF_MASTER else []
    words += ["permanent"] if entry.local else ["static"] if entry.static else []
    words += ["sticky"] if entry.sticky else []
    return " ".join(words)


def socket_line(item: Socket) -> str:
    """Return a socket, with who holds it."""
    address = f"[{item.address}]" if ":" in item.address else item.address
    holder = f"  pid {item.holder.pid} ({item.holder.name})" if item.holder is not None else ""
    return f"{item.proto} {item.state} {address}:{item.port}{holder}"
