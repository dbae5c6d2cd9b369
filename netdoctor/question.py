"""The question put to the twin: who asks whom, with what packet."""

from __future__ import annotations

from netdoctor.facts.links import Record


class End(Record, frozen=True):
    """A resolved endpoint.

    `inode` is its namespace (None for an address that nobody visible owns), `address` what is pinged or pinged from
    (None where none was found), `interface` the device that carries it. `kind` is netns, pid, host, address, service,
    pod, or a container's runtime.
    """

    given: str
    kind: str
    name: str
    inode: int | None = None
    address: str | None = None
    interface: str | None = None
    note: str | None = None


class Question(Record, frozen=True):
    """Does a packet from `source` reach `destination`, and does the answer come back?

    `protocol` is icmp (an echo request), tcp (the SYN of a connection to `port`) or udp (a datagram to `port`).
    `source.address` is set only where the user fixed it (`--from`); else the kernel chooses. `size` is the payload in
    bytes (56 as ping(8) does; a SYN has none), `df` sets don't-fragment. `source_port` is set where the question is
    about one flow, that of this port; else it is about a new one. `family` is AF_INET or AF_INET6.
    """

    source: End
    destination: End
    family: int = 2
    size: int = 56
    df: bool = False
    protocol: str = "icmp"
    port: int | None = None
    source_port: int | None = None
