"""Facts about tracked connections: what ctnetlink says of an entry (conntrack(8), nfnetlink_conntrack.h)."""

from __future__ import annotations

from netdoctor.facts.links import Record

#: Bits of `status` (enum ip_conntrack_status).
SEEN_REPLY = 1 << 1
ASSURED = 1 << 2
DYING = 1 << 9


class Entry(Record, frozen=True):
    """An entry of the connection table: the original direction, and what the answer is expected to look like.

    Addresses are text, `proto` is IP's number. `reply_src` and `reply_sport` are where the flow is sent, `reply_dst`
    and `reply_dport` where its answers go. `status` are the kernel's bits; `state` is TCP's, as conntrack(8) names it.
    """

    proto: int
    src: str
    dst: str
    sport: int
    dport: int
    reply_src: str
    reply_dst: str
    reply_sport: int
    reply_dport: int
    zone: int = 0
    mark: int = 0
    status: int = 0
    state: str = ""

    @property
    def answered(self) -> bool:
        """An answer has been seen."""
        return bool(self.status & SEEN_REPLY)

    @property
    def translated(self) -> bool:
        """The flow goes to another destination than it was sent to."""
        return (self.reply_src, self.reply_sport) != (self.dst, self.dport)

    def joins(self, proto: int, src: str, dst: str) -> bool:
        """Tell whether it is about packets of that protocol from `src` to `dst`, in either direction."""
        ends = (self.src, self.dst), (self.reply_src, self.reply_dst)
        return self.proto == proto and (src, dst) in ends
