"""Words of packet descriptions that several programs share."""

from __future__ import annotations

from ipaddress import ip_address

PROTOCOLS = {"ICMP": 1, "TCP": 6, "UDP": 17, "ICMPV6": 58, "UDPLITE": 136, "AH": 51, "ESP": 50}
FLAGS = {
    "FIN": 0x01,
    "SYN": 0x02,
    "RST": 0x04,
    "PSH": 0x08,
    "ACK": 0x10,
    "URG": 0x20,
    "ECE": 0x40,
    "CWR": 0x80,
}


def number(text: str | None, base: int = 10) -> int | None:
    """Return a number as it was written, or None for anything else."""
    try:
        return int(text, base) if text else None
    except ValueError:
        return None


def address(text: str | None) -> str:
    """Return an address in its canonical form, "" for what is none."""
    try:
        return str(ip_address(text or ""))
    except ValueError:
        return ""


def family(source: str) -> str:
    """Return the family of the tables that a packet from this address passes."""
    return "ip6" if ":" in source else "ip"
