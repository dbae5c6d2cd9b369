"""Lookups that the twin made and that a running kernel can be asked too, with the twin's own answer beside each."""

from __future__ import annotations

from typing import Protocol

from netdoctor.facts.links import Record


class Query(Record, frozen=True):
    """A lookup in the namespace `inode`."""

    inode: int


class RouteQuery(Query, frozen=True):
    """`ip route get`: locally sent, or (`iif`) received. `error` is the errno's name where there is no way.

    `kind` is unicast, local, broadcast or multicast. `forked` tells that a hash decides among several legs.
    """

    dst: str
    src: str | None
    iif: int | None
    oif: int | None
    mark: int
    proto: int
    kind: str = ""
    out: int | None = None
    gateway: str | None = None
    error: str | None = None


class NeighbourQuery(Query, frozen=True):
    """`ip neigh get`: the lladdr of a neighbour that the facts had."""

    ifindex: int
    dst: str
    lladdr: str


class FdbQuery(Query, frozen=True):
    """`bridge fdb get`: the port behind which the bridge has an lladdr."""

    bridge: int
    lladdr: str
    vlan: int
    port: int


class RouteAnswer(Protocol):
    """What the kernel says to a `RouteQuery`: `kind` is a route type, or `error` with its number."""

    @property
    def kind(self) -> str:
        """Route type, or `error`."""

    @property
    def oif(self) -> int | None:
        """The device it leaves by."""

    @property
    def gateway(self) -> str | None:
        """The next hop, if it is not the destination."""

    @property
    def errno(self) -> int:
        """The error number, 0 for none."""


class FdbAnswer(Protocol):
    """What the kernel says to an `FdbQuery`."""

    @property
    def ifindex(self) -> int:
        """The port."""


class Witness(Protocol):
    """A running kernel that answers; it raises OSError or LookupError where a namespace is gone."""

    def route(
        self,
        inode: int,
        destination: str,
        source: str | None = None,
        iif: int | None = None,
        oif: int | None = None,
        mark: int = 0,
        tos: int = 0,
        ip_proto: int = 0,
    ) -> RouteAnswer:
        """`ip route get`."""

    def neighbour(self, inode: int, ifindex: int, dst: str) -> tuple[str, str | None] | None:
        """`ip neigh get`: state and lladdr."""

    def fdb(self, inode: int, ifindex: int, lladdr: str, vlan: int = 0) -> FdbAnswer | None:
        """`bridge fdb get`."""
