"""Names that the tools print for numbers (/etc/protocols, /etc/ethertypes, iptables-extensions(8), nft(8))."""

from __future__ import annotations

PROTOCOLS = {
    "ip": 0, "hopopt": 0, "icmp": 1, "igmp": 2, "ggp": 3, "ipencap": 4, "ipip": 4, "st": 5, "tcp": 6, "egp": 8,
    "igp": 9, "pup": 12, "udp": 17, "hmp": 20, "xns-idp": 22, "rdp": 27, "iso-tp4": 29, "dccp": 33, "xtp": 36,
    "ddp": 37,
    "idpr-cmtp": 38, "ipv6": 41, "ipv6-route": 43, "ipv6-frag": 44, "idrp": 45, "rsvp": 46, "gre": 47, "esp": 50,
    "ipsec-esp": 50, "ah": 51, "ipsec-ah": 51, "skip": 57, "ipv6-icmp": 58, "icmpv6": 58, "icmp6": 58, "ipv6-nonxt": 59,
    "ipv6-opts": 60, "rspf": 73, "vmtp": 81, "eigrp": 88, "ospf": 89, "ospfigp": 89, "ax.25": 93, "etherip": 97,
    "encap": 98, "pim": 103, "ipcomp": 108, "comp": 108, "vrrp": 112, "l2tp": 115, "isis": 124, "sctp": 132, "fc": 133,
    "mobility-header": 135, "ipv6-mh": 135, "udplite": 136, "mpls-in-ip": 137, "manet": 138, "hip": 139, "shim6": 140,
    "wesp": 141, "rohc": 142,
}  # fmt: skip

ETHERTYPES = {
    "ip": 0x0800, "ipv4": 0x0800, "arp": 0x0806, "rarp": 0x8035, "ip6": 0x86DD, "ipv6": 0x86DD, "vlan": 0x8100,
    "8021q": 0x8100, "802_1q": 0x8100, "8021ad": 0x88A8, "802_1ad": 0x88A8, "mpls_uc": 0x8847, "ppp_disc": 0x8863,
    "ppp_ses": 0x8864, "length": 0,
}  # fmt: skip

ICMP_TYPES = {
    "echo-reply": 0, "pong": 0, "destination-unreachable": 3, "source-quench": 4, "redirect": 5, "echo-request": 8,
    "ping": 8, "router-advertisement": 9, "router-solicitation": 10, "time-exceeded": 11, "ttl-exceeded": 11,
    "parameter-problem": 12, "timestamp-request": 13, "timestamp-reply": 14, "info-request": 15, "info-reply": 16,
    "address-mask-request": 17, "address-mask-reply": 18,
}  # fmt: skip

ICMPV6_TYPES = {
    "destination-unreachable": 1, "packet-too-big": 2, "time-exceeded": 3, "parameter-problem": 4, "echo-request": 128,
    "ping": 128, "echo-reply": 129, "pong": 129, "mld-listener-query": 130, "mld-listener-report": 131,
    "mld-listener-done": 132, "mld-listener-reduction": 132, "nd-router-solicit": 133, "router-solicitation": 133,
    "nd-router-advert": 134, "router-advertisement": 134, "nd-neighbor-solicit": 135, "neighbour-solicitation": 135,
    "neighbor-solicitation": 135, "nd-neighbor-advert": 136, "neighbour-advertisement": 136,
    "neighbor-advertisement": 136, "nd-redirect": 137, "redirect": 137, "router-renumbering": 138,
    "ind-neighbor-solicit": 141, "ind-neighbor-advert": 142, "mld2-listener-report": 143,
}  # fmt: skip

#: Codes that nft and iptables know by name, with their type (ICMP) or without it (ICMPv6 destination unreachable).
ICMP_CODES = {
    "net-unreachable": 0, "host-unreachable": 1, "prot-unreachable": 2, "port-unreachable": 3, "frag-needed": 4,
    "net-prohibited": 9, "host-prohibited": 10, "admin-prohibited": 13,
}  # fmt: skip
ICMPV6_CODES = {
    "no-route": 0, "admin-prohibited": 1, "addr-unreachable": 3, "port-unreachable": 4, "policy-fail": 5,
    "reject-route": 6,
}  # fmt: skip

TCP_FLAGS = {"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ecn": 64, "ece": 64, "cwr": 128}

DSCP = {
    "cs0": 0, "df": 0, "be": 0, "lephb": 1, "cs1": 8, "af11": 10, "af12": 12, "af13": 14, "cs2": 16, "af21": 18,
    "af22": 20, "af23": 22, "cs3": 24, "af31": 26, "af32": 28, "af33": 30, "cs4": 32, "af41": 34, "af42": 36,
    "af43": 38, "cs5": 40, "va": 44, "ef": 46, "cs6": 48, "cs7": 56,
}  # fmt: skip

ARP_OPERATIONS = {
    "request": 1, "reply": 2, "request_reverse": 3, "rrequest": 3, "reply_reverse": 4, "rreply": 4,
    "drarp_request": 5, "drarp_reply": 6, "drarp_error": 7, "inarp_request": 8, "inrequest": 8, "arp_nak": 10,
    "nak": 10,
}  # fmt: skip


class UndecodedError(ValueError):
    """What a tool printed is not understood here: the condition or target is undecided, and keeps its text."""


def named(names: dict[str, int], text: str) -> int:
    """Return the number that a name, or a number in any base, stands for. Raises UndecodedError."""
    found = names.get(text.lower())
    if found is not None:
        return found
    return number(text)


def number(text: str) -> int:
    """Return a number in decimal or with a 0x prefix. Raises UndecodedError."""
    try:
        return int(text, 16 if text[:2].lower() == "0x" else 10)
    except ValueError as error:
        raise UndecodedError(text) from error
