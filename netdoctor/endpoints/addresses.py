"""Which address of an end is meant: who owns one, and which of several a destination is pinged at."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

from netdoctor.facts.host import Host, Namespace, NamespaceId, covers
from netdoctor.facts.records import AF_INET, AF_INET6, RT_SCOPE_HOST, RT_SCOPE_UNIVERSE, Address


class Given(NamedTuple):
    """An address as given: canonical text, its family, and the zone of a link-local one (RFC 4007)."""

    text: str
    family: int
    zone: str | None


class Choice(NamedTuple):
    """The address picked, the interface it is on, and why it was picked where there were several."""

    address: str
    interface: str | None
    note: str | None


def parse(text: str) -> Given | None:
    """Return the address that `text` is, or None where it is none."""
    try:
        ip = ip_address(text)
    except ValueError:
        return None
    if isinstance(ip, IPv6Address):
        return Given(str(ip).partition("%")[0], AF_INET6, ip.scope_id)
    return Given(str(ip), AF_INET, None)


def owners(host: Host, address: str) -> list[tuple[NamespaceId, Address]]:
    """Return every namespace in which an interface has `address`, with that entry."""
    found = []
    for ns_id in host.namespaces():
        namespace = host.namespace(ns_id.inode)
        entries = namespace.owners(address) if namespace else ()
        if entries:
            found.append((ns_id, entries[0]))
    return found


def interface_name(namespace: Namespace, ifindex: int) -> str | None:
    """Return the name of the interface, or None where it is gone."""
    link = namespace.link(ifindex)
    return link.name if link else None


def candidates(namespace: Namespace, family: int) -> list[Address]:
    """Return the addresses of `family` by which another namespace may know this one; link-local IPv6 last."""
    usable = [
        a
        for a in namespace.addresses()
        if a.family == family and a.scope != RT_SCOPE_HOST and not ip_address(a.local).is_loopback
    ]
    return sorted(usable, key=lambda a: a.scope != RT_SCOPE_UNIVERSE)


def natural_family(namespace: Namespace) -> int:
    """Return the family to ask about: IPv4 unless the namespace has only global IPv6 addresses."""
    if candidates(namespace, AF_INET):
        return AF_INET
    has_global = any(a.scope == RT_SCOPE_UNIVERSE for a in candidates(namespace, AF_INET6))
    return AF_INET6 if has_global else AF_INET


def choose(source: Namespace | None, destination: Namespace, family: int) -> Choice | None:
    """Pick the destination address: one on a network shared with the source, else its first; None without any.

    An address on an interface that is down comes after the others.
    """
    usable = candidates(destination, family)
    if not usable:
        return None
    usable.sort(key=lambda a: not _is_up(destination, a))
    shared = [a for a in usable if source is not None and _shares_network(source, a)]
    picked = (shared or usable)[0]
    name = interface_name(destination, picked.ifindex)
    note = None
    if len(usable) > 1:
        why = "the one on a network shared with the source" if shared else "the first"
        note = f"{picked.local} was taken of {len(usable)} addresses: {why}"
    return Choice(picked.local, name, note)


def _is_up(namespace: Namespace, address: Address) -> bool:
    link = namespace.link(address.ifindex)
    return link is not None and link.up


def _shares_network(source: Namespace, address: Address) -> bool:
    """Tell whether an interface of the source has an address of the same prefix. A host prefix is no network."""
    return any(
        own.prefixlen == address.prefixlen
        and own.prefixlen < ip_address(own.local).max_prefixlen
        and covers(own.local, own.prefixlen, address.local)
        for own in source.addresses()
        if own.family == address.family
        and not ip_address(own.local).is_loopback
        and not _link_local(own.local)
    )


def _link_local(address: str) -> bool:
    """Every interface is on fe80::/64, and on no common one."""
    ip = ip_address(address)
    return ip.version == 6 and ip.is_link_local
