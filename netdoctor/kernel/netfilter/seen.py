"""What the rules of a hook see of a packet: its headers, its devices, its marks and its connection."""

from __future__ import annotations

from typing import Any

from netdoctor.facts.links import Record

ETH_P_IP = 0x0800
ETH_P_ARP = 0x0806
ETH_P_IPV6 = 0x86DD


class Tuple(Record, frozen=True):
    """Addresses and ports of one direction of a connection."""

    src: str
    dst: str
    sport: int | None = None
    dport: int | None = None


class Seen(Record, frozen=True):
    """One packet at one hook. A field that the packet does not have is None (or "" for the addresses of non-IP frames).

    `physin` and `physout` are the bridge ports behind `iif` and `oif`, where br_netfilter hands a frame to the IP hooks
    (`bridged`); at bridge-family hooks the ports are `iif` and `oif` themselves, `brin` and `brout` their bridges.
    `ct_state` is INVALID before connection tracking has run (priority below -200), as the kernel has it. `ct_status`
    holds what else is true of the connection: SNAT, DNAT, ASSURED, EXPECTED (CONFIRMED and SEEN_REPLY follow from the
    state). `ct_original` and `ct_reply` are its two tuples, `ct_proto` its protocol; without them, what a new
    connection has follows from the packet. `socket`: one of this namespace sent it; `uid` and `gid` are its owner's,
    None where it is the kernel's own (the `gid` alone: not known). `ephemeral` is a port that stands for any from its
    second to its third number (a source port that the kernel picks). `noted` is what rules have added to sets, and
    deleted, on this walk. `fragment` means a second or further fragment.
    """

    iif: str | None = None
    oif: str | None = None
    physin: str | None = None
    physout: str | None = None
    brin: str | None = None
    brout: str | None = None
    bridged: bool = False
    src: str = ""
    dst: str = ""
    proto: int = 0
    sport: int | None = None
    dport: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None
    tcp_flags: int = 0
    ttl: int = 64
    length: int = 84
    tos: int = 0
    mark: int = 0
    ct_state: str = "NEW"
    ct_status: tuple[str, ...] = ()
    ct_mark: int = 0
    ct_zone: int = 0
    ct_proto: int | None = None
    ct_original: Tuple | None = None
    ct_reply: Tuple | None = None
    ct_replying: bool = False
    smac: str | None = None
    dmac: str | None = None
    pkttype: str = "unicast"
    fragment: bool = False
    ephemeral: tuple[int, int, int] | None = None
    noted: tuple[tuple[tuple[Any, ...], bool], ...] = ()
    uid: int | None = None
    gid: int | None = None
    socket: bool = False
    ethertype: int = ETH_P_IP
    arp_op: int | None = None
    arp_saddr: str | None = None
    arp_daddr: str | None = None
    arp_smac: str | None = None
    arp_dmac: str | None = None

    @property
    def dscp(self) -> int:
        """The upper six bits of the TOS byte."""
        return self.tos >> 2

    @property
    def is_ip(self) -> bool:
        """An IPv4 or IPv6 packet."""
        return self.ethertype in (ETH_P_IP, ETH_P_IPV6)

    @property
    def tracked(self) -> bool:
        """Whether it belongs to a connection (nf_ct_get() is not NULL)."""
        return self.ct_state not in ("INVALID", "UNTRACKED")
