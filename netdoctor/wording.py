"""How an ending is said in a few words: the last line of a leg that did not arrive."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from netdoctor.kernel import endings as e
from netdoctor.kernel.packet import IPPROTO_ICMP, IPPROTO_UDP, Ip

#: What a bridge's refusal is called by `NotForwardedByBridge.why`.
BRIDGE_WORDS = {
    "state": "the port is not forwarding",
    "isolated": "both ports are isolated",
    "locked": "the port is locked and does not know the sender",
    "unicast-flood": "the port takes no unknown unicast",
    "multicast-flood": "the port takes no unknown multicast",
    "broadcast-flood": "the port takes no broadcast",
    "same-port": "the FDB leads back to the port it came from",
    "vlan-ingress": "its VLAN may not come in here",
    "vlan-egress": "its VLAN may not leave here",
    "local-entry": "the FDB says the lladdr is the host's own",
    "proxyarp": "the port does not take floods (proxyarp)",
    "suppressed": "the bridge answered in its stead",
    "no-port": "there is no port to take it",
}

VXLAN_WORDS = {
    "port-closed": "no VXLAN socket is open on that UDP port",
    "vni": "no VXLAN device has that VNI",
    "own-lladdr": "the inner source is the VTEP's own lladdr",
    "learning-conflict": "a static FDB entry contradicts the sender",
    "gbp": "the VXLAN header has flags the device does not know",
    "loop": "the way to the remote leads into the tunnel itself",
    "local-address": "the device's local address is gone",
    "self": "the remote is this very node",
    "remote-any": "the entry has no remote",
    "no-route": "there is no route to the remote",
}

TUNNEL_WORDS = {
    "no-route": "there is no route to the tunnel's remote",
    "local-address": "the tunnel's local address is gone",
    "loop": "the way to the remote leads into the tunnel itself",
    "no-remote": "the tunnel has no remote to send to",
    "protocol": "the tunnel does not carry this protocol",
    "no-device": "no tunnel has these addresses and this key",
    "down": "the tunnel that would take it is down",
    "own-lladdr": "the inner source is the tunnel's own lladdr",
    "flags": "the tunnel wants other GRE flags",
}

WG_WORDS = {
    "no-peer": "no peer's allowed IPs cover the destination",
    "no-endpoint": "the peer's endpoint is not known",
    "port-closed": "no WireGuard device listens on that UDP port",
    "down": "the WireGuard device is down",
    "key": "it is encrypted for another key than the device has",
    "unknown-peer": "the device has no peer with the sender's key",
    "source": "the inner source is not among the peer's allowed IPs",
}

BOND_WORDS = {
    "no-active-slave": "the bond has no slave that may send",
    "inactive-slave": "the bond takes nothing from an inactive slave",
}

_WORDS: dict[type[e.Ending], Callable[[Any], str]] = {
    e.NoAddress: lambda end: "no address of this family",
    e.NoRoute: lambda end: f"no way to {end.destination} ({end.error})",
    e.LinkDown: lambda end: "the device is down",
    e.NoCarrier: lambda end: "the device has no carrier",
    e.NeighbourUnresolved: lambda end: f"nobody says who has {end.asker.address}",
    e.NotForMe: lambda end: f"not for this device: the frame is for {end.frame.dst}",
    e.NotForwardedByBridge: lambda end: BRIDGE_WORDS.get(end.why, end.why),
    e.TooBig: lambda end: f"{end.length} bytes do not fit the MTU of {end.mtu}",
    e.FragNeeded: lambda end: f"{end.packet.length} bytes with DF do not fit the MTU of {end.mtu}",
    e.ForwardingOff: lambda end: f"{end.packet.dst} is not here, and forwarding is off",
    e.ReversePath: lambda end: f"rp_filter: the way back to {end.source} is another one",
    e.MartianSource: lambda end: f"martian: {end.source} is an address of this namespace",
    e.MartianAddress: lambda end: f"martian: {end.address} may not stand there",
    e.TtlExceeded: lambda end: "the TTL ran out",
    e.DeliveredElsewhere: lambda end: f"{end.packet.dst} is delivered here, where nobody waits for it",
    e.AnswerFromAnother: lambda end: _not_awaited(end),
    e.EchoIgnored: lambda end: f"{end.sysctl.rsplit('/', 1)[-1]} is set",
    e.ArpNotAnswered: lambda end: f"the ARP request for {end.address} is not answered ({end.why})",
    e.NoVtep: lambda end: f"no remote is known for {end.lladdr}",
    e.VxlanRefused: lambda end: VXLAN_WORDS.get(end.why, end.why),
    e.VxlanNotSent: lambda end: VXLAN_WORDS.get(end.why, end.why),
    e.TunnelNotSent: lambda end: TUNNEL_WORDS.get(end.why, end.why),
    e.TunnelRefused: lambda end: TUNNEL_WORDS.get(end.why, end.why),
    e.WgNotSent: lambda end: WG_WORDS.get(end.why, end.why),
    e.WgRefused: lambda end: WG_WORDS.get(end.why, end.why),
    e.MacvlanKept: lambda end: f"macvlan hands it to nobody ({end.why})",
    e.IpvlanKept: lambda end: f"ipvlan hands it to nobody ({end.why})",
    e.BondKept: lambda end: BOND_WORDS[end.why],
    e.Swallowed: lambda end: "a dummy device discards it",
    e.Looped: lambda end: "the frame has been here before: a loop",
    e.LeavesHost: lambda end: "leaves what is visible here",
    e.NotListening: lambda end: _not_taken(end),
    e.RuleDropped: lambda end: _dropped(end),
    e.NotModelled: lambda end: f"{'not seen' if end.why else 'not modelled'}: {end.what}",
}


def _not_awaited(end: e.AnswerFromAnother) -> str:
    if end.packet.src != end.asked:
        return f"comes from {end.packet.src}, and {end.asked} was asked"
    return f"no socket waits for it at {end.packet.dst} port {end.packet.dport}"


def _not_taken(end: e.NotListening) -> str:
    if end.full is not None:
        return f"the backlog of {end.proto} port {end.port} is full"
    if end.near:
        return f"what listens on {end.proto} port {end.port} does not listen for {end.packet.dst}"
    return f"nothing listens on {end.proto} port {end.port}"


def _dropped(end: e.RuleDropped) -> str:
    where = f"{end.table} {end.chain}"
    if end.number is None:
        return f"the policy of {where} drops it"
    return f"rule {end.number} of {where} {'rejects' if end.reject else 'drops'} it: {end.text}"


def tunnelled(packet: Ip) -> str:
    """What a tunnel's outer packet is, in a few words."""
    if packet.tunnel in ("vxlan", "geneve"):
        return f"{'VXLAN' if packet.tunnel == 'vxlan' else 'Geneve'} VNI {packet.vni} port {packet.dport}"
    if packet.proto == IPPROTO_UDP:
        return f"{packet.tunnel} UDP port {packet.dport}"
    return f"{packet.tunnel}{f' key {packet.key}' if packet.key is not None else ''} (IP protocol {packet.proto})"


#: REJECT's answer → what ping(8) prints (iputils pr_icmph()) and what connect(2) fails with (icmp_err_convert[] in
#: net/ipv4/icmp.c).
REFUSALS = {
    "icmp-net-unreachable": ("Destination Net Unreachable", "Network is unreachable"),
    "icmp-host-unreachable": ("Destination Host Unreachable", "No route to host"),
    "icmp-proto-unreachable": ("Destination Protocol Unreachable", "Protocol not available"),
    "icmp-port-unreachable": ("Destination Port Unreachable", "Connection refused"),
    "icmp-net-prohibited": ("Destination Net Prohibited", "Network is unreachable"),
    "icmp-host-prohibited": ("Destination Host Prohibited", "No route to host"),
    "icmp-admin-prohibited": ("Packet filtered", "No route to host"),
    "tcp-reset": ("Connection refused", "Connection refused"),
}
#: What a UDP socket is not told: no hard errors (__udp4_lib_err()).
_SOFT = ("icmp-net-unreachable", "icmp-host-unreachable")


def refusal(reject: str, proto: int) -> str:
    """What the sender of a packet of IP protocol `proto` sees of the answer that REJECT gave it."""
    shown, error = REFUSALS.get(reject, (reject, reject))
    if proto == IPPROTO_ICMP:
        return f'ping says "{shown}"'
    if proto == IPPROTO_UDP and reject in _SOFT:
        return "a UDP socket is not told"
    return f'the program gets "{error}"'


def _lost(end: e.ObservedLoss) -> str:
    if end.refused is not None:
        return f"a real packet is refused ({end.refused})"
    why = f" ({end.reason} in {end.function})" if end.reason is not None else ""
    return f"a real packet is seen here, and nowhere after{why}"


def said(ending: e.Ending) -> str:
    """Say in a few words why a packet ended."""
    return _WORDS.get(type(ending), lambda end: slug(end))(ending)


def slug(ending: e.Ending) -> str:
    """The ending's name as a word: `no-route`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", type(ending).__name__).lower()
