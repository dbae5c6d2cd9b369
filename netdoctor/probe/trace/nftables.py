"""nf_tables in netlink messages: the private table that asks for the trace, and the handles of a chain's rules.

The table has the owner flag: the kernel takes it away with the socket that made it, however this process ends, and lets
nobody else change it (include/uapi/linux/netfilter/nf_tables.h, Linux 5.12).
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Sequence

from netdoctor.collect.netlink import HEADER, NLM_F_REQUEST, Conversation, attribute, attributes, split
from netdoctor.tracing.plan import Hanging
from netdoctor.tracing.signature import Alternative, Bytes

SUBSYSTEM = 10
NEWTABLE, NEWCHAIN, NEWRULE, GETRULE, DELTABLE, GETTABLE = 0, 3, 6, 7, 2, 1
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11
_ACK, _CREATE, _APPEND = 0x4, 0x400, 0x800
_OWNER = 0x2
_NESTED = 0x8000

FAMILIES = {"inet": 1, "ip": 2, "arp": 3, "netdev": 5, "bridge": 7, "ip6": 10}
NAMES = {number: name for name, number in FAMILIES.items()}
_HOOKS = {"prerouting": 0, "output": 3, "ingress": 0, "egress": 1}
_META_L4PROTO, _META_NFTRACE = 16, 12
_NETWORK, _TRANSPORT = 1, 2
_REGISTER = 1
_EQ, _NEQ = 0, 1
_TABLE_NAME, _RULE_TABLE, _RULE_CHAIN, _RULE_HANDLE = 1, 1, 2, 3


def make(
    sock: socket.socket, table: str, chains: Sequence[Hanging], ways: Sequence[Alternative], owner: bool
) -> None:
    """Make the table, in each family it is needed in, in one transaction. Raises OSError where the kernel refuses."""
    messages = []
    for family in dict.fromkeys(chain.family for chain in chains):
        number = FAMILIES[family]
        flags = _be32(2, _OWNER) if owner else b""
        messages.append(_message(NEWTABLE, _CREATE, number, _text(_TABLE_NAME, table) + flags))
    for chain in chains:
        messages.append(_message(NEWCHAIN, _CREATE, FAMILIES[chain.family], _chain(table, chain)))
    for chain in chains:
        for way in ways:
            body = _text(_RULE_TABLE, table) + _text(_RULE_CHAIN, chain.name) + _rule(way)
            messages.append(_message(NEWRULE, _CREATE | _APPEND, FAMILIES[chain.family], body))
    _commit(sock, messages)


def remove(sock: socket.socket, family: int, table: str) -> None:
    """Delete a table that has no owner. Raises OSError."""
    _commit(sock, [_message(DELTABLE, 0, family, _text(_TABLE_NAME, table))])


def tables(conversation: Conversation) -> list[tuple[int, str]]:
    """Return the tables of a namespace: family number and name. Raises OSError."""
    dump = conversation.dump(SUBSYSTEM << 8 | GETTABLE, _header(0))
    return [
        (message[16], _string(attributes(message, 20).get(_TABLE_NAME, b""))) for message in dump.messages()
    ]


def handles(conversation: Conversation, family: str, table: str, chain: str) -> list[int]:
    """Return the handles of the rules of a chain, in their order. Raises OSError."""
    body = _header(FAMILIES[family]) + _text(_RULE_TABLE, table) + _text(_RULE_CHAIN, chain)
    found = []
    for message in conversation.dump(SUBSYSTEM << 8 | GETRULE, body).messages():
        parts = attributes(message, 20)
        own = (_string(parts.get(_RULE_TABLE, b"")), _string(parts.get(_RULE_CHAIN, b"")))
        if own == (table, chain) and _RULE_HANDLE in parts:  # old kernels dump all rules
            found.append(int.from_bytes(parts[_RULE_HANDLE], "big"))
    return found


def _commit(sock: socket.socket, messages: Sequence[bytes]) -> None:
    """Send a transaction and wait until the kernel has taken every part of it."""
    begin = _plain(_BATCH_BEGIN, 0, struct.pack("!BBH", 0, 0, SUBSYSTEM))
    end = _plain(_BATCH_END, 0, struct.pack("!BBH", 0, 0, SUBSYSTEM))
    sock.send(begin + b"".join(messages) + end)
    waiting = len(messages)
    while waiting:
        for answer in split(sock.recv(1 << 16)):
            waiting -= 1
            acknowledged(answer)


def acknowledged(message: bytes) -> None:
    """Raise OSError where an acknowledgement is a refusal."""
    if HEADER.unpack_from(message)[1] == 2 and (number := -struct.unpack_from("=i", message, 16)[0]):
        raise OSError(number, os.strerror(number))


def _chain(table: str, chain: Hanging) -> bytes:
    hook = _be32(1, _HOOKS[chain.hook]) + attribute(2, struct.pack("!i", chain.priority))
    if chain.device is not None:
        hook += _text(3, chain.device)
    return _text(1, table) + _text(3, chain.name) + _nest(4, hook) + _text(7, "filter")


def _rule(way: Alternative) -> bytes:
    """All of one alternative, and `meta nftrace set 1`."""
    parts = [_expression("meta", _be32(1, _REGISTER) + _be32(2, _META_L4PROTO)), _compare(bytes([way.proto]))]
    for address, offset in ((way.src, 12), (way.dst, 16)):
        if address:
            parts += [_payload(_NETWORK, offset, 4), _compare(socket.inet_aton(address))]
    for part in way.bytes:
        parts += _bytes(part)
    parts.append(_expression("immediate", _be32(1, _REGISTER) + _nest(2, attribute(1, b"\1"))))
    parts.append(_expression("meta", _be32(2, _META_NFTRACE) + _be32(3, _REGISTER)))
    return _nest(4, b"".join(_nest(1, part) for part in parts))


def _bytes(part: Bytes) -> list[bytes]:
    if not part.any_of:
        return [_payload(_TRANSPORT, part.offset, len(part.value)), _compare(part.value)]
    mask = _nest(4, attribute(1, bytes([part.any_of]))) + _nest(5, attribute(1, b"\0"))
    masked = _expression("bitwise", _be32(1, _REGISTER) + _be32(2, _REGISTER) + _be32(3, 1) + mask)
    return [_payload(_TRANSPORT, part.offset, 1), masked, _compare(b"\0", _NEQ)]


def _payload(base: int, offset: int, length: int) -> bytes:
    return _expression("payload", _be32(1, _REGISTER) + _be32(2, base) + _be32(3, offset) + _be32(4, length))


def _compare(value: bytes, how: int = _EQ) -> bytes:
    return _expression("cmp", _be32(1, _REGISTER) + _be32(2, how) + _nest(3, attribute(1, value)))


def _expression(name: str, data: bytes) -> bytes:
    return _text(1, name) + _nest(2, data)


def _message(kind: int, flags: int, family: int, body: bytes) -> bytes:
    return _plain(SUBSYSTEM << 8 | kind, flags | _ACK, _header(family) + body)


def _plain(kind: int, flags: int, body: bytes) -> bytes:
    return HEADER.pack(16 + len(body), kind, NLM_F_REQUEST | flags, 0, 0) + body


def _header(family: int) -> bytes:
    return struct.pack("!BBH", family, 0, 0)


def _text(kind: int, text: str) -> bytes:
    return attribute(kind, text.encode() + b"\0")


def _be32(kind: int, value: int) -> bytes:
    return attribute(kind, value.to_bytes(4, "big"))


def _nest(kind: int, body: bytes) -> bytes:
    return attribute(kind | _NESTED, body)


def _string(value: bytes) -> str:
    return value.rstrip(b"\0").decode("utf-8", "replace")
