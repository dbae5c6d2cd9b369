"""Which nftables tables there are, asked over nfnetlink (include/uapi/linux/netfilter/nf_tables.h): no rule is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from netdoctor.collect.access import Access
from netdoctor.collect.netlink import NETLINK_NETFILTER, Conversation, attributes
from netdoctor.collect.rulesets.nft import (
    FAMILIES,
    NFNL_SUBSYS_NFTABLES,
    NFT_MSG_GETCHAIN,
    NFT_MSG_GETTABLE,
    NFT_TABLE_F_DORMANT,
    NFTA_CHAIN_HOOK,
    NFTA_CHAIN_TABLE,
    NFTA_TABLE_FLAGS,
    NFTA_TABLE_NAME,
)

NFTA_CHAIN_USE = 6

_BODY = 16
_ATTRIBUTES = 20  # behind nlmsghdr and nfgenmsg


class Loaded(NamedTuple):
    """A table that is awake and has a chain on a hook. `uses` is at least how many rules it has."""

    family: str
    name: str
    uses: int


def loaded(access: Access) -> tuple[Loaded, ...]:
    """Return the tables that see packets, in the order in which they were made. Raises OSError."""
    conversation = access.run(lambda: Conversation(NETLINK_NETFILTER))
    try:
        tables = [message for message in _dump(conversation, NFT_MSG_GETTABLE) if message[_BODY] in FAMILIES]
        if not tables:
            return ()
        uses, hooked = _chains(conversation)
        return tuple(_awake(tables, uses, hooked))
    finally:
        conversation.close()


def _awake(
    tables: list[bytes], uses: dict[tuple[int, bytes], int], hooked: set[tuple[int, bytes]]
) -> Iterator[Loaded]:
    for message in tables:
        attrs = attributes(message, _ATTRIBUTES)
        table = message[_BODY], attrs[NFTA_TABLE_NAME]
        dormant = int.from_bytes(attrs.get(NFTA_TABLE_FLAGS, b""), "big") & NFT_TABLE_F_DORMANT
        if table in hooked and not dormant:
            name = table[1].rstrip(b"\0").decode("utf-8", "backslashreplace")
            yield Loaded(FAMILIES[table[0]], name, uses[table])


def _dump(conversation: Conversation, message: int) -> list[bytes]:
    return conversation.dump(NFNL_SUBSYS_NFTABLES << 8 | message, bytes(4)).messages()


def _chains(conversation: Conversation) -> tuple[dict[tuple[int, bytes], int], set[tuple[int, bytes]]]:
    """Return how often the chains of each table are used (by rules in them and to them), and the tables on hooks."""
    uses: dict[tuple[int, bytes], int] = {}
    hooked: set[tuple[int, bytes]] = set()
    for message in _dump(conversation, NFT_MSG_GETCHAIN):
        attrs = attributes(message, _ATTRIBUTES)
        table = message[_BODY], attrs[NFTA_CHAIN_TABLE]
        uses[table] = uses.get(table, 0) + int.from_bytes(attrs.get(NFTA_CHAIN_USE, b""), "big")
        if NFTA_CHAIN_HOOK in attrs:
            hooked.add(table)
    return uses, hooked
