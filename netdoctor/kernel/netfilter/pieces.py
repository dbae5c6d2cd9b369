"""Fragments at a hook: rules meet each piece of a packet, unless connection tracking has put it together before them.

net/ipv4/netfilter/nf_defrag_ipv4.c: a hook at NF_IP_PRI_CONNTRACK_DEFRAG, registered with conntrack's first user.
"""

from __future__ import annotations

import re

from netdoctor.facts.host import Namespace
from netdoctor.kernel.packet import Ip

DEFRAG = -400

#: What makes a table a user of connection tracking: its matches and targets, in both ways of writing (nf_ct_netns_get).
_USES = re.compile(
    r"-m (conntrack|state|connmark|connlimit|connbytes|connlabel|helper|socket|cluster)\b"
    r"|-j (CT(?! --notrack)|CONNMARK|CONNSECMARK|MASQUERADE|[SD]NAT|REDIRECT|NETMAP|SYNPROXY|TPROXY)\b"
    r'|"(ct|ct count|ct helper|ct timeout|masquerade|[sd]nat|redirect|tproxy|synproxy|socket|flow)":'
)


def fragmented(packet: Ip) -> bool:
    """Tell whether the packet travels in several pieces."""
    return packet.size > packet.length


def in_pieces(ns: Namespace, packet: Ip, hook: str, priority: int) -> bool:
    """Tell whether a chain of IP at `hook` meets the packet's pieces one by one; ip_local_deliver() joins for INPUT."""
    if not fragmented(packet) or hook == "input":
        return False
    return (hook == "prerouting" and priority < DEFRAG) or not tracks(ns)


def tracks(ns: Namespace) -> bool:
    """Tell whether connection tracking runs in the namespace, and with it what puts fragments together.

    Of a table that is too large to be read at once it is taken for granted: those are a CNI's or kube-proxy's.
    """
    return any(item.partial or _USES.search(item.text) for item in ns.firewall())
