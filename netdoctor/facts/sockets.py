"""Facts about sockets: what inet_diag says of TCP and UDP sockets (include/uapi/linux/inet_diag.h, ss(8))."""

from __future__ import annotations

from netdoctor.facts.links import Record
from netdoctor.facts.processes import Process


class Socket(Record, frozen=True):
    """A TCP socket that listens, or a UDP socket that is bound.

    `address` is 0.0.0.0 or :: where any will do; `v6only` shuts IPv4 out of a :: socket. `backlog` is how many
    connections may wait to be accepted and `queued` how many do (TCP). `ifindex` is the device it is bound to, or 0.
    `holder` is a process that has it open, in facts that were recorded; see `Namespace.holder`.
    """

    proto: str
    family: int
    address: str
    port: int
    state: str = "LISTEN"
    backlog: int = 0
    queued: int = 0
    v6only: bool = False
    ifindex: int = 0
    uid: int = 0
    inode: int = 0
    holder: Process | None = None

    @property
    def wildcard(self) -> bool:
        """Bound to no address in particular."""
        return self.address in ("0.0.0.0", "::")
