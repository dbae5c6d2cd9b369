"""IPsec policies, which may encrypt, block or divert (include/uapi/linux/xfrm.h, net/xfrm/xfrm_user.c)."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.collect.access import Access
from netdoctor.collect.netlink import NETLINK_XFRM, Conversation
from netdoctor.facts.records import Ruleset

XFRM_MSG_GETPOLICY = 0x15
XFRM_MSG_GETDEFAULT = 0x28
XFRM_POLICY_MAX = 3  # directions in, out, forward; what lies above belongs to single sockets
XFRM_USERPOLICY_BLOCK = 1

#: Where xfrm_userpolicy_info keeps `dir`, behind nlmsghdr: selector 56, limits 64, counters 32, priority 4, index 4.
_DIRECTION = 16 + 160


def read(access: Access) -> Iterator[Ruleset]:
    """Yield a ruleset if there are policies, and one if packets without a policy are blocked. Raises OSError."""
    conversation = access.run(lambda: Conversation(NETLINK_XFRM))
    try:
        messages = conversation.dump(XFRM_MSG_GETPOLICY, b"").messages()
        policies = sum(len(m) > _DIRECTION and m[_DIRECTION] < XFRM_POLICY_MAX for m in messages)
        if policies:
            yield _ruleset(
                f"{policies} IPsec polic{'ies' if policies != 1 else 'y'}", ("ip", "xfrm", "policy")
            )
        if XFRM_USERPOLICY_BLOCK in _defaults(conversation):
            yield _ruleset(
                "packets without an IPsec policy are blocked", ("ip", "xfrm", "policy", "getdefault")
            )
    finally:
        conversation.close()


def _defaults(conversation: Conversation) -> bytes:
    """The defaults for in, forward and out; none on kernels before 5.16."""
    try:
        return conversation.get(XFRM_MSG_GETDEFAULT, bytes(4))[16:19]
    except OSError:
        return b""


def _ruleset(detail: str, command: tuple[str, ...]) -> Ruleset:
    return Ruleset(kind="xfrm", family="ip", detail=detail, command=command)
