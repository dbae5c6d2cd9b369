"""How the kernel reads its per-interface sysctls: max, or, and plain (include/linux/inetdevice.h)."""

from __future__ import annotations

from netdoctor.facts.host import Namespace


def number(ns: Namespace, name: str, default: int = 0) -> int:
    """Return the sysctl as a number; `default` where it cannot be read."""
    text = ns.sysctl(name)
    try:
        return int(text.split()[0]) if text else default
    except ValueError:
        return default


def local_ports(ns: Namespace) -> tuple[int, int]:
    """Return the first and last source port that the kernel picks from (ip_local_port_range)."""
    words = (ns.sysctl("ipv4/ip_local_port_range") or "").split()
    if len(words) == 2 and all(word.isdigit() for word in words):
        return int(words[0]), int(words[1])
    return 32768, 60999


def conf(ns: Namespace, interface: str, key: str, default: int = 0) -> int:
    """IN_DEV_CONF_GET: the interface's own value."""
    return number(ns, f"ipv4/conf/{interface}/{key}", default)


def conf_max(ns: Namespace, interface: str, key: str) -> int:
    """IN_DEV_MAXCONF: the larger of `all` and the interface's own (rp_filter, arp_ignore, arp_announce)."""
    return max(conf(ns, "all", key), conf(ns, interface, key))


def conf_or(ns: Namespace, interface: str, key: str, default: int = 0) -> bool:
    """IN_DEV_ORCONF: `all` or the interface's own (proxy_arp, accept_local, route_localnet, arp_filter …)."""
    return bool(conf(ns, "all", key, default) or conf(ns, interface, key, default))
