"""Services by name: `svc:NAMESPACE/NAME[:PORT]`, as kube-proxy names them in the comments and chains of its rules."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from difflib import get_close_matches
from ipaddress import ip_address
from typing import Any, NamedTuple

from netdoctor.errors import UsageError
from netdoctor.facts.firewall import FirewallText
from netdoctor.facts.host import Host, Namespace

#: The chain of the tables nat (Services that work) and filter (those without endpoints) with a rule a port.
CHAIN = "KUBE-SERVICES"
#: The same in the mode nftables: maps of the table kube-proxy, from address, protocol and port.
MAPS = ("service-ips", "no-endpoint-services")

_RULE = re.compile(
    rf"-A {CHAIN} -d (?P<ip>[0-9a-f.:]+)/\d+ -p (?P<proto>\w+) .*"
    r'--comment "(?P<name>[^":]+)(?::(?P<port_name>[^" ]+))? (?:cluster IP|has no endpoints)".*--dport (?P<port>\d+)'
)
_CHAIN_NAME = re.compile(r"service-[0-9A-Z]+-([^/]+/[^/]+)/\w+/(.*)")


class Port(NamedTuple):
    """One port of a Service: NAMESPACE/NAME, the port's name (may be empty), its address, protocol and number."""

    service: str
    name: str
    address: str
    proto: str
    number: int


def find(host: Host, given: str, text: str) -> list[Port]:
    """Return the ports of the Service that `text` (without `svc:`) names: all, or the one named behind a colon.

    The host's own rules are looked at first, then those of every namespace: a node may be one. Raises UsageError.
    """
    service, colon, port = text.partition(":")
    if service.count("/") != 1 or not all(service.split("/")):
        raise UsageError(f"{given}: a Service is given as svc:NAMESPACE/NAME or svc:NAMESPACE/NAME:PORT")
    known: set[str] = set()
    for ns in sorted(host.namespaces(), key=lambda ns: not ns.is_host):
        namespace = host.namespace(ns.inode)
        ports = list(_ports(namespace)) if namespace is not None else []
        known |= {entry.service for entry in ports}
        found = [entry for entry in ports if entry.service == service]
        chosen = [entry for entry in found if not colon or port in (entry.name, str(entry.number))]
        if chosen:
            return chosen
        if found:
            offered = ", ".join(sorted({_shown(entry) for entry in found}))
            raise UsageError(f"{given}: this Service has no port {port}; it has {offered}")
    raise UsageError(_unknown(given, service, sorted(known)))


def _shown(entry: Port) -> str:
    return f"{entry.number}/{entry.proto}" + (f" ({entry.name})" if entry.name else "")


def _unknown(given: str, service: str, known: list[str]) -> str:
    if not known:
        return f"{given}: no rules of kube-proxy with the names of Services were found; give the Service's address"
    near = get_close_matches(service, known, n=3, cutoff=0.5) or known[:5]
    return f"{given}: no rule of kube-proxy names this Service; there are: {', '.join(f'svc:{name}' for name in near)}"


def _ports(namespace: Namespace) -> Iterator[Port]:
    for table in namespace.firewall():
        if table.error is not None:
            continue
        if table.tool == "nft":
            yield from _of_maps(namespace, table) if table.table == "kube-proxy" else ()
        elif table.table in ("nat", "filter"):
            lines = namespace.firewall_chain(table, CHAIN) if table.partial else table.text
            yield from _of_rules(lines or "")


def _of_rules(text: str) -> Iterator[Port]:
    for rule in _RULE.finditer(text):
        if _is_address(rule["ip"]) and "/" in rule["name"]:
            yield Port(rule["name"], rule["port_name"] or "", rule["ip"], rule["proto"], int(rule["port"]))


def _of_maps(namespace: Namespace, table: FirewallText) -> Iterator[Port]:
    for name in MAPS:
        text = namespace.firewall_set(table, name, None) if table.partial else table.text
        try:
            items = json.loads(text or "{}").get("nftables", [])
            for element in _elements(items, name):
                yield from _of_element(*element)
        except (ValueError, AttributeError, KeyError, TypeError, IndexError, RecursionError):
            continue  # not as nft prints it


def _elements(items: list[Any], name: str) -> Iterator[tuple[Any, Any]]:
    for item in items:
        found = item.get("map") or {}
        if found.get("name") == name:
            yield from found.get("elem", ())


def _of_element(key: Any, verdict: Any) -> Iterator[Port]:
    """Read one element; the Service is in its comment, or in the name of the chain that it leads to."""
    comment = None
    if "elem" in key:
        key, comment = key["elem"]["val"], key["elem"].get("comment")
    address, proto, number = key["concat"]
    if comment is not None:
        service, _, name = comment.partition(":")
    else:
        chain = _CHAIN_NAME.fullmatch((verdict.get("goto") or verdict.get("jump") or {}).get("target", ""))
        service, name = (chain[1], chain[2]) if chain else ("", "")
    if "/" in service and _is_address(address):
        yield Port(service, name, address, str(proto), int(number))


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
