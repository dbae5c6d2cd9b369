"""nftables tables that hold rules or drop by policy, asked over nfnetlink (include/uapi/linux/netfilter/nf_tables.h).

A table whose chains are not attached to any hook sees no packet, nor does a dormant one; neither is reported.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from netdoctor.collect.access import Access
from netdoctor.collect.netlink import NETLINK_NETFILTER, Conversation, attribute, attributes
from netdoctor.facts.records import Ruleset

NFNL_SUBSYS_NFTABLES = 10
NFT_MSG_GETTABLE, NFT_MSG_GETCHAIN, NFT_MSG_GETRULE = 1, 4, 7
NFTA_TABLE_NAME, NFTA_TABLE_FLAGS = 1, 2
NFTA_CHAIN_TABLE, NFTA_CHAIN_HOOK, NFTA_CHAIN_POLICY = 1, 4, 5
NFTA_RULE_TABLE = 1
NFT_TABLE_F_DORMANT = 1
NF_DROP = 0

FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}

_BODY = 16
_ATTRIBUTES = 20  # behind nlmsghdr and nfgenmsg

Table = tuple[int, bytes]


def read(access: Access) -> Iterator[Ruleset]:
    """Yield one ruleset for every table with rules or a dropping policy. Raises OSError."""
    conversation = access.run(lambda: Conversation(NETLINK_NETFILTER))
    try:
        tables = _tables(conversation)
        if tables:
            yield from _rulesets(conversation, tables)
    finally:
        conversation.close()


def _dump(conversation: Conversation, message: int, family: int = 0, filters: bytes = b"") -> list[bytes]:
    kind = NFNL_SUBSYS_NFTABLES << 8 | message
    return conversation.dump(kind, bytes((family, 0, 0, 0)) + filters).messages()


def _tables(conversation: Conversation) -> list[Table]:
    """Return (family, name) of the tables that are awake."""
    tables = []
    for message in _dump(conversation, NFT_MSG_GETTABLE):
        attrs = attributes(message, _ATTRIBUTES)
        if not int.from_bytes(attrs.get(NFTA_TABLE_FLAGS, b""), "big") & NFT_TABLE_F_DORMANT:
            tables.append((message[_BODY], attrs[NFTA_TABLE_NAME]))
    return tables


def _rulesets(conversation: Conversation, tables: list[Table]) -> Iterator[Ruleset]:
    hooked, dropping = _base_chains(conversation)
    for family, name in tables:
        if (family, name) not in hooked:
            continue
        rules = len(_dump(conversation, NFT_MSG_GETRULE, family, attribute(NFTA_RULE_TABLE, name)))
        drops = dropping[family, name]
        if rules or drops:
            yield _ruleset(family, name, rules, drops)


def _base_chains(conversation: Conversation) -> tuple[set[Table], dict[Table, int]]:
    """Return the tables that have a chain on a hook, and how many of these chains drop by policy."""
    hooked: set[Table] = set()
    dropping: dict[Table, int] = defaultdict(int)
    for message in _dump(conversation, NFT_MSG_GETCHAIN):
        attrs = attributes(message, _ATTRIBUTES)
        if NFTA_CHAIN_HOOK in attrs:
            table = message[_BODY], attrs[NFTA_CHAIN_TABLE]
            hooked.add(table)
            dropping[table] += attrs.get(NFTA_CHAIN_POLICY) == NF_DROP.to_bytes(4, "big")
    return hooked, dropping


def _ruleset(family: int, raw_name: bytes, rules: int, drops: int) -> Ruleset:
    name = raw_name.rstrip(b"\0").decode("utf-8", "backslashreplace")
    family_name = FAMILIES.get(family, str(family))
    counts = [f"{rules} rule{'s' * (rules != 1)}"]
    if drops:
        counts.append(f"{drops} chain{'s' * (drops != 1)} with policy drop")
    return Ruleset(
        kind="nft",
        family=family_name,
        detail=f"table {family_name} {name} ({', '.join(counts)})",
        command=("nft", "list", "table", family_name, name),
    )
