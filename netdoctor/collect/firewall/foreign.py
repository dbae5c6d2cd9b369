"""Whether others than iptables have written in a table of iptables-nft, seen in the rules as the kernel dumps them.

iptables-nft shows an expression that it knows and does not expect (a comparison by order, a field of the header that it
has no option for) wrongly or not at all, and says nothing. What its own rules are made of is known (iptables/nft.c and
nft-shared.c); it is looked for as bytes, for a chain may have thousands of rules (nft_*_dump() of net/netfilter).
"""

from __future__ import annotations

import re

from netdoctor.collect.access import Access
from netdoctor.collect.firewall.nfnetlink import (
    FAMILIES,
    NFNL_SUBSYS_NFTABLES,
    NFT_MSG_GETRULE,
    NFTA_RULE_CHAIN,
    NFTA_RULE_TABLE,
)
from netdoctor.collect.netlink import NETLINK_NETFILTER, Conversation, attribute

#: Fields that iptables asks for: (base, offset, length). Addresses may be asked for by their first bytes.
_FIELDS = {
    "ip": ((1, 6, 2), (1, 9, 1), *((1, at, n) for at in (12, 16) for n in range(1, 5))),
    "ip6": ((1, 6, 1), *((1, at, n) for at in (8, 24) for n in range(1, 17))),
}
_PORTS_AND_FLAGS = ((2, 0, 2), (2, 2, 2), (2, 13, 1))
#: NFT_META_MARK, IIF, OIF, IIFNAME, OIFNAME, L4PROTO
_META = (3, 4, 5, 6, 7, 16)
_EQ, _NEQ = 0, 1

_NUMBER = rb"\x08\x00[\x01-\x04]\x00...."  # an attribute of four bytes
_NEST = rb".\x00\x02\x00"  # the attributes of an expression, behind its name


def _number(kind: int, value: int) -> bytes:
    return re.escape(attribute(kind, value.to_bytes(4, "big")))


def _any(choices: list[bytes]) -> bytes:
    return b"(?:" + b"|".join(choices) + b")"


def _pattern(family: str) -> re.Pattern[bytes]:
    fields = [
        b"".join(_number(kind, value) for kind, value in enumerate(field, 2))
        for field in (*_FIELDS[family], *_PORTS_AND_FLAGS)
    ]
    own = [
        rb"(?:bitwise|counter|immediate|limit|log|match|range|target)\x00",
        rb"cmp\x00" + _NEST + _NUMBER + _any([_number(2, _EQ), _number(2, _NEQ)]),
        rb"meta\x00..." + _NEST + _any([_number(2, key) for key in _META]) + rb"\x08\x00\x01\x00",
        rb"payload\x00" + _NEST + _NUMBER + _any(fields),
    ]
    # an element of the list of expressions, and in it the attribute with its name
    return re.compile(rb"\x01\x00.\x00\x01\x00(?=[a-z])(?!" + _any(own) + b")", re.DOTALL)


_FOREIGN = {family: _pattern(family) for family in _FIELDS}


def foreign(access: Access, family: str, table: str, chain: str | None = None) -> bool:
    """Tell whether a chain (or any of a table) may hold what iptables did not write. Raises OSError."""
    [number] = [number for number, name in FAMILIES.items() if name == family]
    body = bytes((number, 0, 0, 0)) + attribute(NFTA_RULE_TABLE, _name(table))
    if chain is not None:
        body += attribute(NFTA_RULE_CHAIN, _name(chain))
    conversation = access.run(lambda: Conversation(NETLINK_NETFILTER))
    try:
        dump = conversation.dump(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE, body)
    finally:
        conversation.close()
    return any(_FOREIGN[family].search(datagram) for datagram in dump.datagrams)


def _name(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape") + b"\0"
