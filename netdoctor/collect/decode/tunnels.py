"""What hangs on the link message of a tunnel.

IFLA_IPTUN_* and IFLA_GRE_* (if_tunnel.h), IFLA_GENEVE_* and IFLA_TUN_* (if_link.h).
"""

from __future__ import annotations

from typing import Any

from netdoctor.collect.nest import Nest
from netdoctor.facts.links import Tun, Tunnel

#: Field → attribute, for each family of kinds. ipip and sit share theirs, so do gre and gretap.
_IPTUN = {"link": 1, "ttl": 4, "tos": 5, "protocol": 9, "pmtudisc": 10, "encap": 15, "fwmark": 20}
_GRE = {"link": 1, "ttl": 8, "tos": 9, "pmtudisc": 10, "encap": 14, "ignore_df": 19, "fwmark": 20}
_GENEVE = {"vni": 1, "ttl": 3, "tos": 4, "ttl_inherit": 12, "df": 13}
IFLA_IPTUN_LOCAL, IFLA_IPTUN_REMOTE, IFLA_IPTUN_COLLECT_METADATA = 2, 3, 19
IFLA_GRE_IFLAGS, IFLA_GRE_OFLAGS, IFLA_GRE_IKEY, IFLA_GRE_OKEY = 2, 3, 4, 5
IFLA_GRE_LOCAL, IFLA_GRE_REMOTE, IFLA_GRE_COLLECT_METADATA = 6, 7, 18
IFLA_GENEVE_REMOTE, IFLA_GENEVE_PORT, IFLA_GENEVE_COLLECT_METADATA, IFLA_GENEVE_REMOTE6 = 2, 5, 6, 7
_SWITCHES = ("pmtudisc", "ignore_df", "ttl_inherit")
IFLA_TUN_TYPE, IFLA_TUN_PERSIST = 3, 6
GRE_KEY = 0x2000


def tunnel(kind: str, data: Nest) -> Tunnel | None:
    """Decode IFLA_INFO_DATA of a tunnel; None for a device of another kind."""
    if kind in ("ipip", "sit"):
        return _ip(data)
    if kind in ("gre", "gretap"):
        return _gre(data)
    return _geneve(data) if kind == "geneve" else None


def tun(data: Nest) -> Tun:
    """Decode IFLA_INFO_DATA of a TUN or TAP device (IFF_TUN is 1, IFF_TAP 2)."""
    return Tun("tap" if data.number(IFLA_TUN_TYPE) == 2 else "tun", bool(data.number(IFLA_TUN_PERSIST)))


def _ip(data: Nest) -> Tunnel:
    return Tunnel(
        local=_given(data, IFLA_IPTUN_LOCAL),
        remote=_given(data, IFLA_IPTUN_REMOTE),
        collect_metadata=IFLA_IPTUN_COLLECT_METADATA in data,
        **_numbers(data, _IPTUN),
    )


def _gre(data: Nest) -> Tunnel:
    iflags, oflags = data.big(IFLA_GRE_IFLAGS) or 0, data.big(IFLA_GRE_OFLAGS) or 0
    return Tunnel(
        local=_given(data, IFLA_GRE_LOCAL),
        remote=_given(data, IFLA_GRE_REMOTE),
        iflags=iflags,
        oflags=oflags,
        ikey=(data.big(IFLA_GRE_IKEY) or 0) if iflags & GRE_KEY else None,
        okey=(data.big(IFLA_GRE_OKEY) or 0) if oflags & GRE_KEY else None,
        collect_metadata=IFLA_GRE_COLLECT_METADATA in data,
        **_numbers(data, _GRE),
    )


def _geneve(data: Nest) -> Tunnel:
    return Tunnel(
        remote=_given(data, IFLA_GENEVE_REMOTE) or data.ip(IFLA_GENEVE_REMOTE6),
        port=data.big(IFLA_GENEVE_PORT) or 0,
        collect_metadata=IFLA_GENEVE_COLLECT_METADATA in data,
        **_numbers(data, _GENEVE),
    )


def _given(data: Nest, kind: int) -> str | None:
    """An address; 0.0.0.0 stands for none."""
    address = data.ip(kind)
    return None if address == "0.0.0.0" else address


def _numbers(data: Nest, fields: dict[str, int]) -> dict[str, Any]:
    numbers = {name: data.number(kind) or 0 for name, kind in fields.items() if kind in data}
    return {name: bool(value) if name in _SWITCHES else value for name, value in numbers.items()}
