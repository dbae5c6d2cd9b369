"""How a service of IPVS is written in a `Ruleset`: by its collector, and where the twin looks for one."""

from __future__ import annotations

KIND = "ipvs"


def of_address(proto: str, address: str, port: int) -> str:
    """The words for a virtual service at an address: `proto` is tcp or udp."""
    return f"the IPVS service {proto} {address}:{port}"


def of_mark(mark: int) -> str:
    """The words for a virtual service that takes all packets with a mark."""
    return f"the IPVS service of mark {mark:#x}"
