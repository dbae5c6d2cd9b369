"""What is behind the tunnel devices of a live namespace: the programs of TUN devices, the peers of WireGuard."""

from __future__ import annotations

from collections.abc import Callable

from netdoctor.collect.access import Access
from netdoctor.collect.owner import Owner
from netdoctor.collect.processes import Holders
from netdoctor.collect.wireguard import read_wireguard
from netdoctor.facts.host import Namespace
from netdoctor.facts.processes import Process, Reader
from netdoctor.facts.wireguard import WireGuard


class Behind:
    """Answers for one namespace; each device is asked for once."""

    def __init__(self, ns: Namespace, host: Owner, access: Callable[[], Access], holders: Holders) -> None:
        self._ns, self._host, self._access, self._holders = ns, host, access, holders
        self._known: dict[int, WireGuard | None] = {}

    def reader(self, ifindex: int) -> Process | None:
        """See `Namespace.reader`. A device that is up without a carrier has nobody behind it."""
        link = self._ns.link(ifindex)
        if link is None or (link.up and not link.carrier):
            return None
        return self._holders.behind(link.name)

    def readers(self) -> tuple[Reader, ...]:
        """The programs behind all TUN and TAP devices."""
        found = ((link.index, self.reader(link.index)) for link in self._ns.links_of_kind("tun"))
        return tuple(Reader(index, process) for index, process in found if process is not None)

    def wireguard(self, ifindex: int) -> WireGuard | None:
        """See `Namespace.wireguard`."""
        if ifindex not in self._known:
            try:
                self._known[ifindex] = read_wireguard(self._access(), ifindex)
            except OSError as error:
                self._host.note_failure(f"the peers of a WireGuard device of {self._ns.id.label}", error)
                self._known[ifindex] = None
        return self._known[ifindex]

    def wireguards(self) -> tuple[WireGuard, ...]:
        """All WireGuard devices whose peers can be read."""
        found = (self.wireguard(link.index) for link in self._ns.links_of_kind("wireguard"))
        return tuple(device for device in found if device is not None)
