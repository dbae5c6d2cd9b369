"""ipsets: named over nfnetlink (include/uapi/linux/netfilter/ipset/ip_set.h), read with `ipset save`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from netdoctor.collect.access import Access
from netdoctor.collect.firewall.tools import run
from netdoctor.collect.netlink import NETLINK_NETFILTER, Conversation, attribute
from netdoctor.facts.firewall import SetText

NFNL_SUBSYS_IPSET = 6
IPSET_CMD_LIST = 7
IPSET_ATTR_PROTOCOL = 1
IPSET_ATTR_FLAGS = 6
IPSET_FLAG_LIST_SETNAME = 2
NLA_F_NET_BYTEORDER = 0x4000
PROTOCOL = 6

_CREATE = re.compile(r"^create (\S+) ", re.MULTILINE)


def read(access: Access) -> Iterator[SetText]:
    """Yield the ipsets, if there are any. Raises OSError, and ToolError where they cannot be read."""
    if not present(access):
        return
    text = run(access, "ipset", "save")
    starts = list(_CREATE.finditer(text))
    ends = [found.start() for found in starts[1:]] + [len(text)]
    for found, end in zip(starts, ends, strict=False):
        yield SetText(found[1], text[found.start() : end])


def present(access: Access) -> bool:
    """Tell whether the namespace has an ipset. Raises OSError."""
    conversation = access.run(lambda: Conversation(NETLINK_NETFILTER))
    flags = IPSET_FLAG_LIST_SETNAME.to_bytes(4, "big")
    body = (
        bytes(4)
        + attribute(IPSET_ATTR_PROTOCOL, bytes((PROTOCOL,)))
        + attribute(IPSET_ATTR_FLAGS | NLA_F_NET_BYTEORDER, flags)
    )
    try:
        return bool(conversation.dump(NFNL_SUBSYS_IPSET << 8 | IPSET_CMD_LIST, body).messages())
    finally:
        conversation.close()
