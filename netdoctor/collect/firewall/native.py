"""A very large native table of nftables, read in parts over nfnetlink (include/uapi/linux/netfilter/nf_tables.h).

Whatever nft is asked for, it reads all sets of the table first, the nameless ones of single rules too, which takes
seconds where there are thousands.
"""

from __future__ import annotations

import errno
import json
from typing import Any

from netdoctor.collect.access import Access
from netdoctor.collect.firewall.loaded import Loaded
from netdoctor.collect.firewall.nfnetlink import (
    ATTRIBUTES,
    FAMILIES,
    NFNL_SUBSYS_NFTABLES,
    NFT_MSG_GETRULE,
    NFT_MSG_GETSET,
    NFT_MSG_GETSETELEM,
    NFT_SET_ANONYMOUS,
    NFT_SET_ELEM_CATCHALL,
    NFT_SET_INTERVAL,
    NFT_SET_MAP,
    NFT_SET_OBJECT,
    NFTA_DATA_VALUE,
    NFTA_DATA_VERDICT,
    NFTA_LIST_ELEM,
    NFTA_RULE_CHAIN,
    NFTA_RULE_EXPRESSIONS,
    NFTA_RULE_HANDLE,
    NFTA_RULE_TABLE,
    NFTA_RULE_USERDATA,
    NFTA_SET_ELEM_DATA,
    NFTA_SET_ELEM_FLAGS,
    NFTA_SET_ELEM_KEY,
    NFTA_SET_ELEM_LIST_ELEMENTS,
    NFTA_SET_ELEM_LIST_SET,
    NFTA_SET_FLAGS,
    NFTA_SET_KEY_TYPE,
    NFTA_SET_NAME,
)
from netdoctor.collect.firewall.wire import expressions
from netdoctor.collect.firewall.wire_values import (
    UntoldError,
    fields_of,
    key_of,
    number,
    order,
    packed,
    string,
    types_of,
    verdict,
)
from netdoctor.collect.netlink import (
    NETLINK_NETFILTER,
    NLA_F_NESTED,
    Conversation,
    attribute,
    attributes,
    each_attribute,
)

_HOOKS = ("prerouting", "input", "forward", "output", "postrouting")
#: Families whose rules are told here.
TOLD = ("ip", "ip6")

Json = Any


class Part:
    """One table, open to be asked for chains and sets. Raises OSError; UntoldError for what only nft can tell."""

    def __init__(self, access: Access, family: str, table: str) -> None:
        if family not in TOLD:
            raise UntoldError(family)
        [self._number] = [value for value, name in FAMILIES.items() if name == family]
        self._family, self._table = family, table
        self._conversation = access.run(lambda: Conversation(NETLINK_NETFILTER))
        self._sets: dict[str, dict[int, bytes]] = {}

    def __enter__(self) -> Part:
        return self

    def __exit__(self, *_: object) -> None:
        self._conversation.close()

    def _body(self, *attrs: tuple[int, bytes]) -> bytes:
        named = attribute(NFTA_RULE_TABLE, _raw(self._table))
        return bytes((self._number, 0, 0, 0)) + named + b"".join(attribute(*attr) for attr in attrs)

    def _ask(self, message: int, *attrs: tuple[int, bytes]) -> dict[int, bytes]:
        answer = self._conversation.get(NFNL_SUBSYS_NFTABLES << 8 | message, self._body(*attrs))
        return attributes(answer, ATTRIBUTES)

    def _dump(self, message: int, *attrs: tuple[int, bytes]) -> list[dict[int, bytes]]:
        dump = self._conversation.dump(NFNL_SUBSYS_NFTABLES << 8 | message, self._body(*attrs))
        return [attributes(found, ATTRIBUTES) for found in dump.messages()]

    def chain(self, name: str) -> list[Json]:
        """Return a chain and its rules."""
        made = {"family": self._family, "table": self._table}
        found = self._dump(NFT_MSG_GETRULE, (NFTA_RULE_CHAIN, _raw(name)))
        rules = [{"rule": {**made, "chain": name, **self._rule(attrs)}} for attrs in found]
        return [{"chain": {**made, "name": name}}, *rules]

    def _rule(self, attrs: dict[int, bytes]) -> dict[str, Json]:
        said: dict[str, Json] = {"handle": number(attrs[NFTA_RULE_HANDLE])}
        if NFTA_RULE_USERDATA in attrs:
            said.update(_userdata(attrs[NFTA_RULE_USERDATA]))
        listed = attrs.get(NFTA_RULE_EXPRESSIONS, b"")
        said["expr"] = expressions(listed, self._family, self._fields, self._looked)
        return said

    def _definition(self, name: str) -> dict[int, bytes]:
        if name not in self._sets:
            self._sets[name] = self._ask(NFT_MSG_GETSET, (NFTA_SET_NAME, _raw(name)))
        return self._sets[name]

    def _fields(self, name: str) -> int:
        return fields_of(number(self._definition(name)[NFTA_SET_KEY_TYPE]))

    def _looked(self, name: str, types: tuple[str, ...]) -> Json:
        flags = number(self._definition(name).get(NFTA_SET_FLAGS, b""))
        if not flags & NFT_SET_ANONYMOUS:
            return f"@{name}"
        if flags & NFT_SET_INTERVAL:
            raise UntoldError("intervals")
        found = sorted(self._elements(name, types), key=lambda element: order(types, element[0]))
        return {"set": [said for _, said in found]}

    def set(self, name: str, key: tuple[str, ...] | None) -> Json:
        """Return a named set or map; with a `key`, of its elements only the one that a packet of this key finds."""
        definition = self._definition(name)
        flags = number(definition.get(NFTA_SET_FLAGS, b""))
        types = types_of(number(definition[NFTA_SET_KEY_TYPE]))
        if flags & (NFT_SET_INTERVAL | NFT_SET_OBJECT):
            raise UntoldError("intervals")
        found = self._elements(name, types) if key is None else self._element(name, types, key)
        said = {"family": self._family, "table": self._table, "name": name, "elem": [e for _, e in found]}
        said["type"] = list(types) if len(types) > 1 else types[0]
        return {"map": {**said, "map": "verdict"}} if flags & NFT_SET_MAP else {"set": said}

    def _elements(self, name: str, types: tuple[str, ...]) -> list[tuple[bytes, Json]]:
        found = self._dump(NFT_MSG_GETSETELEM, (NFTA_SET_ELEM_LIST_SET, _raw(name)))
        return [_element(attrs, types) for listed in found for attrs in _listed(listed)]

    def _element(self, name: str, types: tuple[str, ...], key: tuple[str, ...]) -> list[tuple[bytes, Json]]:
        """Ask for one element, and where there is none, for the one that holds everything else."""
        raw = packed(types, key)
        asked = [attribute(NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_CATCHALL.to_bytes(4, "big"))]
        if raw is not None:
            asked.insert(0, _nest(NFTA_SET_ELEM_KEY, attribute(NFTA_DATA_VALUE, raw)))
        for element in asked:
            listed = _nest(NFTA_LIST_ELEM, element)
            try:
                answer = self._ask(
                    NFT_MSG_GETSETELEM,
                    (NFTA_SET_ELEM_LIST_SET, _raw(name)),
                    (NFTA_SET_ELEM_LIST_ELEMENTS | NLA_F_NESTED, listed),
                )
            except OSError as error:
                if error.errno != errno.ENOENT:
                    raise
                continue
            return [_element(attrs, types) for attrs in _listed(answer)]
        return []


def outline(access: Access, table: Loaded) -> list[Json]:
    """Return a table's base chains with their rules. Raises OSError, and UntoldError as `Part`."""
    listed: list[Json] = []
    with Part(access, table.family, table.name) as part:
        for base in table.bases:
            chain, *rules = part.chain(base.name)
            chain["chain"].update(
                type=base.kind, hook=_HOOKS[base.hook], prio=base.priority, policy=base.policy.lower()
            )
            listed += [chain, *rules]
    return listed


def printed(items: list[Json]) -> str:
    """Return the JSON of these, as nft prints it."""
    return json.dumps({"nftables": items})


def _listed(message: dict[int, bytes]) -> list[dict[int, bytes]]:
    listed = message.get(NFTA_SET_ELEM_LIST_ELEMENTS, b"")
    return [attributes(element, 0) for _, element in each_attribute(listed)]


def _element(attrs: dict[int, bytes], types: tuple[str, ...]) -> tuple[bytes, Json]:
    """Return the bytes of an element's key, and the element."""
    if number(attrs.get(NFTA_SET_ELEM_FLAGS, b"")) & NFT_SET_ELEM_CATCHALL:
        raw, said = b"\xff" * 64, "*"
    else:
        raw = attributes(attrs[NFTA_SET_ELEM_KEY], 0)[NFTA_DATA_VALUE]
        said = key_of(types, raw)
    if NFTA_SET_ELEM_DATA not in attrs:
        return raw, said
    data = attributes(attrs[NFTA_SET_ELEM_DATA], 0)
    if NFTA_DATA_VERDICT not in data:
        raise UntoldError("a map of values")
    return raw, [said, verdict(data[NFTA_DATA_VERDICT])]


def _userdata(raw: bytes) -> dict[str, str]:
    """Return the comment of a rule; anything else that nft noted there, nft knows to read."""
    kind, length = raw[0], raw[1]
    if kind != 0 or length + 2 != len(raw):
        raise UntoldError("userdata")
    return {"comment": string(raw[2:])}


def _nest(kind: int, content: bytes) -> bytes:
    return attribute(kind | NLA_F_NESTED, content)


def _raw(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape") + b"\0"
