"""A netlink notification as what it says: which kind of thing, which one, what it is now. Bytes in, a record out."""

from __future__ import annotations

import struct
from ipaddress import ip_address

from netdoctor.collect.netlink import HEADER, attributes
from netdoctor.collect.requests import AF_BRIDGE, BODY, LINK, NEIGHBOUR, ROUTE
from netdoctor.facts.links import Record
from netdoctor.facts.records import AF_INET6

#: Kinds of notices that matter to whoever reads them here.
NEIGHBOUR_ENTRY, FDB_ENTRY, LINK_STATE, FIREWALL = "neighbour", "fdb", "link", "firewall"

_NUD_PERMANENT, _NUD_NOARP = 0x80, 0x40
#: NUD_INCOMPLETE, NUD_FAILED and NUD_NONE: nothing is known of where the neighbour is.
_UNRESOLVED = (0x00, 0x01, 0x20)

#: Message type → the kind of thing, and whether it is gone. Types are even (new) and odd (deleted) ones in turn.
_KINDS = {
    16: LINK_STATE, 20: "address", 24: "route", 28: NEIGHBOUR_ENTRY, 32: "policy rule", 36: "queue", 44: "tc filter",
    80: "sysctl", 104: "nexthop", 112: "VLAN",
}  # fmt: skip
_HEADERS = {16: LINK.size, 20: 8, 24: ROUTE.size, 28: NEIGHBOUR.size, 32: ROUTE.size}
#: What a link's message has that changes with every packet: IFLA_STATS, IFLA_WIRELESS, IFLA_STATS64.
_COUNTERS = (7, 11, 23)
_IFLA_IFNAME, _IFA_ADDRESS, _RTA_DST, _FRA_PRIORITY = 3, 1, 1, 6
_NDA_DST, _NDA_LLADDR, _NDA_VLAN = 1, 2, 5
_RTM_F_CLONED = 0x200
_NFTA_GEN_PROC_PID, _NFTA_GEN_PROC_NAME = 2, 3


class Notice(Record, frozen=True):
    """Something of the namespace `inode` has changed. `text` says what, as a person would.

    `key` names the thing within the namespace and `state` is what it is now (None: not there, or of no use), where a
    notice by itself is no news: a neighbour that is confirmed is told of as often as one that has moved.
    `learned` marks what the kernel finds out by itself from packets.
    """

    inode: int
    kind: str
    text: str
    key: tuple[object, ...] | None = None
    state: tuple[object, ...] | None = None
    learned: bool = False


def read_route_message(inode: int, message: bytes, six: bool = False) -> Notice | None:
    """Read one message of rtnetlink; None for one that says nothing of the network's state, or (not `six`) of IPv6."""
    _, kind, _, _, _ = HEADER.unpack_from(message)
    new, gone = kind & ~1, bool(kind & 1)
    name = _KINDS.get(new)
    if name is None or len(message) < BODY + _HEADERS.get(new, 0):
        return None
    what = attributes(message, BODY + _HEADERS[new]) if new in _HEADERS else {}
    if message[BODY] == AF_INET6 and not six:
        return None
    if new == 28:
        return _neighbour(inode, message, what, gone)
    if new == 16:
        return _link(inode, message, what, gone)
    if new == 24 and struct.unpack_from("=I", message, BODY + 8)[0] & _RTM_F_CLONED:
        return None  # a cached answer
    label = " ".join(filter(None, (name, _label(new, message, what))))
    return Notice(inode, name, f"{label} {'removed' if gone else 'added or changed'}")


def read_generation(message: bytes) -> tuple[int, str]:
    """Return who committed rules to nf_tables: process id and name, from NFT_MSG_NEWGEN."""
    parts = attributes(message, BODY + 4)
    name = parts.get(_NFTA_GEN_PROC_NAME, b"").rstrip(b"\0").decode("utf-8", "backslashreplace")
    return int.from_bytes(parts.get(_NFTA_GEN_PROC_PID, b""), "big"), name


def _label(kind: int, message: bytes, what: dict[int, bytes]) -> str:
    if kind == 20:
        return _address(what.get(_IFA_ADDRESS, b"")) + f"/{message[BODY + 1]}"
    if kind == 24:
        length = message[BODY + 1]
        return f"{_address(what[_RTA_DST])}/{length}" if _RTA_DST in what else "default"
    if kind == 32 and _FRA_PRIORITY in what:
        return str(struct.unpack("=I", what[_FRA_PRIORITY])[0])
    return ""


def _address(value: bytes) -> str:
    return str(ip_address(value)) if len(value) in (4, 16) else "?"


def _link(inode: int, message: bytes, what: dict[int, bytes], gone: bool) -> Notice:
    family, kind, index, flags, _ = LINK.unpack_from(message, BODY)
    name = what.get(_IFLA_IFNAME, b"?").rstrip(b"\0").decode("utf-8", "backslashreplace")
    state = tuple(sorted((number, value) for number, value in what.items() if number not in _COUNTERS))
    told = "removed" if gone else "added or changed"
    now = None if gone else (kind, flags, state)
    return Notice(inode, LINK_STATE, f"link {name} {told}", (LINK_STATE, family, index), now)


def _neighbour(inode: int, message: bytes, what: dict[int, bytes], gone: bool) -> Notice:
    family, index, nud, flags, _ = NEIGHBOUR.unpack_from(message, BODY)
    lladdr = what.get(_NDA_LLADDR, b"")
    target = what.get(_NDA_DST, b"")
    # Of a bridge's FDB NOARP means static; a neighbour without ARP the kernel makes by itself (multicast, loopback).
    fixed = bool(nud & (_NUD_PERMANENT | (_NUD_NOARP if family == AF_BRIDGE else 0)))
    if family == AF_BRIDGE:
        key: tuple[object, ...] = (FDB_ENTRY, index, lladdr, what.get(_NDA_VLAN))
        # an FDB tells of the same lladdr behind another port by another ifindex: one entry went, one came
        state: tuple[object, ...] | None = None if gone else (target, fixed)
        text, kind = f"forwarding entry {lladdr.hex(':')}", FDB_ENTRY
    else:
        key = (NEIGHBOUR_ENTRY, family, index, target)
        state = None if gone or nud in _UNRESOLVED else (lladdr, fixed, flags)
        text, kind = f"neighbour {_address(target)}", NEIGHBOUR_ENTRY
    told = "removed" if state is None else "added or changed"
    return Notice(inode, kind, f"{text} {told}", key, state, not fixed)
