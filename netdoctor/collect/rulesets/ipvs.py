"""Virtual services of IPVS (ip_vs_info_seq_show() in net/netfilter/ipvs/ip_vs_ctl.c): kube-proxy's and Swarm's VIPs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address

from netdoctor.collect.access import Access
from netdoctor.facts.balanced import KIND, of_address, of_mark
from netdoctor.facts.records import Ruleset

LISTED = "/proc/thread-self/net/ip_vs"


def read(access: Access) -> Iterator[Ruleset]:
    """Yield a record for every IPv4 virtual service of a namespace. Raises OSError (ENOENT: IPVS is not loaded)."""
    yield from services(access.run(_lines))


def services(lines: Iterable[str]) -> Iterator[Ruleset]:
    """Yield the services that /proc/net/ip_vs lists; addresses, ports and marks stand there in hexadecimal."""
    for line in lines:
        words = line.split()
        try:
            if words[:1] == ["FWM"]:
                detail = of_mark(int(words[1], 16))
            elif words[:1] in (["TCP"], ["UDP"]) and not words[1].startswith("["):
                address, _, port = words[1].partition(":")
                detail = of_address(words[0].lower(), str(IPv4Address(int(address, 16))), int(port, 16))
            else:
                continue
        except (ValueError, IndexError):
            continue  # not of the form that any kernel prints
        yield Ruleset(kind=KIND, family="ipvs", detail=detail, command=("cat", "/proc/net/ip_vs"))


def _lines() -> list[str]:
    with open(LISTED, encoding="ascii", errors="replace") as file:
        return file.readlines()
