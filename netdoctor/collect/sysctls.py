"""Sysctls below /proc/sys/net of one namespace, and the names of those that the twin may ask for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

#: Folders of /proc/sys/net that belong to the namespace in which they were opened. /proc/sys/net itself does not: a
#: name below it is looked up in the namespace of the thread that reads (measured on Linux 6.18).
FOLDERS = ("ipv4", "ipv6", "bridge", "netfilter")

OF_NAMESPACE = (
    "ipv4/ip_forward",
    "ipv4/ip_default_ttl",
    "ipv4/icmp_echo_ignore_all",
    "ipv4/icmp_echo_ignore_broadcasts",
    "ipv4/fib_multipath_use_neigh",
    "ipv4/fib_multipath_hash_policy",
    "ipv4/fwmark_reflect",
    "ipv4/ping_group_range",
    "ipv4/ip_no_pmtu_disc",
    "ipv6/icmp/echo_ignore_all",
    "bridge/bridge-nf-call-iptables",
    "bridge/bridge-nf-call-ip6tables",
    "bridge/bridge-nf-call-arptables",
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


class Sysctls:
    """Reads sysctls of the namespace in which it was made, from wherever the thread is later."""

    def __init__(self) -> None:
        self._folders: dict[str, int] = {}
        for folder in FOLDERS:
            try:
                self._folders[folder] = os.open(
                    f"/proc/sys/net/{folder}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
                )
            except OSError:
                continue  # a kernel without it (no IPv6, no br_netfilter)

    def read(self, name: str) -> str | None:
        """Return the text of `name` (slash-separated, below /proc/sys/net), or None where it cannot be read."""
        folder, _, rest = name.partition("/")
        if folder not in self._folders or ".." in rest.split("/"):
            return None
        try:
            fd = os.open(rest, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=self._folders[folder])
        except OSError:
            return None
        try:
            return os.read(fd, 4096).decode("utf-8", "backslashreplace").strip()
        except OSError:
            return None
        finally:
            os.close(fd)

    def close(self) -> None:
        """Close the folders."""
        for fd in self._folders.values():
            os.close(fd)
        self._folders.clear()
