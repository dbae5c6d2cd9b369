"""What makes a probe unmistakable: numbers of its own that no other traffic carries, and that NAT leaves alone.

NAT may rewrite addresses, ports and the id of an echo (net/netfilter/nf_nat_proto.c); it never touches the payload,
and the sequence numbers of TCP only for helpers that rewrite the payload too (nf_conntrack_seqadj.c).
"""

from __future__ import annotations

import secrets

from netdoctor.facts.links import Record

#: Bytes of the token at the start of the payload.
TOKEN = 8
#: A handful at most: one may be lost to a race (a neighbour that is just being doubted), not three.
MOST = 3
_HALF = 1 << 15


class Mark(Record, frozen=True):
    """The marks of one run: all different from those of any other run that goes on at the same time.

    `token` begins the payload of an echo or datagram. `ident` is the id of the echoes, `first` the sequence number of
    the first one. `isns` are the initial sequence numbers of the connections, one a probe.
    """

    token: bytes
    ident: int
    first: int
    isns: tuple[int, ...]

    def sequence(self, number: int) -> int:
        """Return the sequence number of echo `number`, counted from 0."""
        return self.first + number

    def payload(self, size: int) -> bytes:
        """Return a payload of `size` bytes that begins with the token, as much of it as there is room for."""
        return (self.token + bytes(max(0, size - TOKEN)))[:size]


def fresh() -> Mark:
    """Return marks that nobody else uses: 64 random bits in a payload, 31 in an echo's head, 32 in a SYN."""
    isns: set[int] = set()
    while len(isns) < MOST:
        isns.add(secrets.randbits(32) or 1)  # 0 lets the kernel choose (tcp_v4_connect())
    ident = secrets.randbits(16)
    return Mark(secrets.token_bytes(TOKEN), ident, secrets.randbelow(_HALF) + 1, tuple(isns))
