"""Sysctls below /proc/sys/net of one namespace, and the names of those that the twin may ask for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

OF_NAMESPACE = (
    "ipv4/ip_forward",
    "ipv4/ip_default_ttl",
    "ipv4/ip_local_port_range",
    "ipv4/icmp_echo_ignore_all",
    "ipv4/icmp_echo_ignore_broadcasts",
    "ipv4/fib_multipath_use_neigh",
    "ipv4/fib_multipath_hash_policy",
    "ipv4/fwmark_reflect",
    "ipv4/ping_group_range",
    "ipv4/tcp_l3mdev_accept",
    "ipv4/udp_l3mdev_accept",
    "ipv4/raw_l3mdev_accept",
    "ipv4/ip_no_pmtu_disc",
    "ipv6/icmp/echo_ignore_all",
    "netfilter/nf_conntrack_count",
    "bridge/bridge-nf-call-iptables",
    "bridge/bridge-nf-call-ip6tables",
    "bridge/bridge-nf-call-arptables",
    "netfilter/nf_conntrack_count",
    "netfilter/nf_conntrack_max",
)

OF_INTERFACE = {
    "ipv4/conf": (
        "forwarding",
        "rp_filter",
        "accept_local",
        "route_localnet",
        "arp_ignore",
        "arp_filter",
        "arp_announce",
        "proxy_arp",
        "proxy_arp_pvlan",
        "src_valid_mark",
        "ignore_routes_with_linkdown",
        "accept_redirects",
        "send_redirects",
        "shared_media",
        "medium_id",
        "bc_forwarding",
        "promote_secondaries",
        "drop_unicast_in_l2_multicast",
    ),
    "ipv4/neigh": ("mcast_solicit", "ucast_solicit", "app_solicit", "proxy_delay"),
    "ipv6/conf": ("disable_ipv6", "forwarding", "accept_ra", "accept_dad", "proxy_ndp"),
}


def names(interfaces: Iterable[str]) -> Iterator[str]:
    """Yield the names a snapshot records: those of the namespace, and of `all`, `default` and every interface."""
    yield from OF_NAMESPACE
    for interface in ("all", "default", *interfaces):
        for folder, leaves in OF_INTERFACE.items():
            for leaf in leaves:
                yield f"{folder}/{interface}/{leaf}"


def read(wanted: Iterable[str]) -> dict[str, str | None]:
    """Read sysctls of the namespace that the thread is in; None for one that is absent or unreadable.

    A name below /proc/sys/net is looked up for the reading thread, so it has to be inside. A folder opened there would
    serve from outside too, but then the kernel's name cache never matches (proc_sys_compare()) and every lookup adds an
    entry to it that the next one has to pass: the six thousand sysctls of a node with 250 pods took twelve seconds.
    """
    return {name: _read(name) for name in wanted}


def _read(name: str) -> str | None:
    if name.startswith("/") or ".." in name.split("/"):
        return None
    try:
        fd = os.open(f"/proc/sys/net/{name}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.read(fd, 4096).decode("utf-8", "backslashreplace").strip()
    except OSError:
        return None
    finally:
        os.close(fd)
