"""Which nftables tables there are, asked over nfnetlink (include/uapi/linux/netfilter/nf_tables.h): no rule is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from netdoctor.collect.access import Access
from netdoctor.collect.firewall.nfnetlink import (
    ATTRIBUTES,
    BODY,
    FAMILIES,
    NFNL_SUBSYS_NFTABLES,
    NFT_MSG_GETCHAIN,
    NFT_MSG_GETTABLE,
    NFT_TABLE_F_DORMANT,
    NFTA_CHAIN_HOOK,
    NFTA_CHAIN_NAME,
    NFTA_CHAIN_POLICY,
    NFTA_CHAIN_TABLE,
    NFTA_CHAIN_TYPE,
    NFTA_CHAIN_USE,
    NFTA_DEVICE_NAME,
    NFTA_HOOK_DEV,
    NFTA_HOOK_DEVS,
    NFTA_HOOK_HOOKNUM,
    NFTA_HOOK_PRIORITY,
    NFTA_TABLE_FLAGS,
    NFTA_TABLE_NAME,
    NFTA_TABLE_USE,
)
from netdoctor.collect.netlink import (
    NETLINK_NETFILTER,
    Conversation,
    Dump,
    attribute,
    attributes,
    each_attribute,
    split,
)

_TYPES = tuple(attribute(NFTA_CHAIN_TYPE, kind) for kind in (b"filter\0", b"nat\0", b"route\0"))

#: A table with more chains and sets than this is large whatever is in them, and they are not looked at one by one.
MANY = 2000


class BaseChain(NamedTuple):
    """A chain on a hook: its policy, type, hook (enum nf_inet_hooks) and priority.

    `devices` are those whose hook it is (families netdev and inet).
    """

    name: str
    policy: str
    devices: tuple[str, ...]
    kind: str
    hook: int
    priority: int


class Loaded(NamedTuple):
    """A table that is awake and has a chain on a hook.

    `size` is about how many rules it has (at least how many chains, where these are many).
    """

    family: str
    name: str
    size: int
    bases: tuple[BaseChain, ...]


def loaded(access: Access) -> tuple[Loaded, ...]:
    """Return the tables that see packets, in the order in which they were made. Raises OSError."""
    conversation = access.run(lambda: Conversation(NETLINK_NETFILTER))
    try:
        tables = _dump(conversation, NFT_MSG_GETTABLE).messages()
        if not tables:
            return ()
        chains = _dump(conversation, NFT_MSG_GETCHAIN)
        return tuple(_awake(tables, chains))
    finally:
        conversation.close()


def _dump(conversation: Conversation, message: int) -> Dump:
    return conversation.dump(NFNL_SUBSYS_NFTABLES << 8 | message, bytes(4))


def _awake(tables: list[bytes], chains: Dump) -> Iterator[Loaded]:
    for message in tables:
        family, attrs = message[BODY], attributes(message, ATTRIBUTES)
        dormant = int.from_bytes(attrs.get(NFTA_TABLE_FLAGS, b""), "big") & NFT_TABLE_F_DORMANT
        if dormant or family not in FAMILIES:
            continue
        holds = int.from_bytes(attrs.get(NFTA_TABLE_USE, b""), "big")  # chains and sets
        of_table = attribute(NFTA_CHAIN_TABLE, attrs[NFTA_TABLE_NAME])
        some = _holding(chains, _TYPES if holds > MANY else (of_table,))
        own = [chain for chain in some if of_table in chain and chain[BODY] == family]
        bases = tuple(_bases(own))
        if bases:
            size = holds if holds > MANY else _size(own)
            yield Loaded(FAMILIES[family], text(attrs[NFTA_TABLE_NAME]), size, bases)


def _holding(chains: Dump, needles: tuple[bytes, ...]) -> Iterator[bytes]:
    """Yield the messages of the datagrams in which one of `needles` is; the other datagrams are not even split."""
    for datagram in chains.datagrams:
        if any(needle in datagram for needle in needles):
            yield from split(datagram)


def _bases(chains: list[bytes]) -> Iterator[BaseChain]:
    """Yield the base chains; only they have a type."""
    for chain in chains:
        if any(kind in chain for kind in _TYPES):
            attrs = attributes(chain, ATTRIBUTES)
            if NFTA_CHAIN_HOOK in attrs:
                hook = attributes(attrs[NFTA_CHAIN_HOOK], 0)
                yield BaseChain(
                    text(attrs[NFTA_CHAIN_NAME]),
                    "DROP" if attrs.get(NFTA_CHAIN_POLICY) == bytes(4) else "ACCEPT",
                    tuple(_devices(hook)),
                    text(attrs[NFTA_CHAIN_TYPE]),
                    int.from_bytes(hook[NFTA_HOOK_HOOKNUM], "big"),
                    int.from_bytes(hook[NFTA_HOOK_PRIORITY], "big", signed=True),
                )


def _devices(attrs: dict[int, bytes]) -> Iterator[str]:
    if NFTA_HOOK_DEVS in attrs:
        yield from (
            text(name) for kind, name in each_attribute(attrs[NFTA_HOOK_DEVS]) if kind == NFTA_DEVICE_NAME
        )
    elif NFTA_HOOK_DEV in attrs:
        yield text(attrs[NFTA_HOOK_DEV])


def _size(chains: list[bytes]) -> int:
    """Return how often the chains are used: by the rules in them, and by those that jump to them."""
    return sum(
        int.from_bytes(attributes(chain, ATTRIBUTES).get(NFTA_CHAIN_USE, b""), "big") for chain in chains
    )


def text(raw: bytes) -> str:
    """Return a name that ends in a zero byte."""
    return raw.rstrip(b"\0").decode("utf-8", "backslashreplace")
