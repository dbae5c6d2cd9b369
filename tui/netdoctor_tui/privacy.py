"""Other names and addresses in the place of the real ones: on the screen, and in what is saved."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from netdoctor.facts.host import NamespaceFacts, NamespaceId
from netdoctor.facts.links import Link
from netdoctor.facts.records import AF_INET, Address
from netdoctor.hostmap import MapDevice, MapNamespace
from netdoctor.redact.redaction import Redaction
from netdoctor.report import Endpoint, Location, NamespaceRef, Node, Report
from netdoctor_tui.source import Inventory, Known


class Veil:
    """One redaction, and the way back from the names of hosts that it shows.

    `namespaces` and `hosts` are all that may be spoken of; `secret` decides what stands for an address.
    """

    def __init__(self, namespaces: Iterable[NamespaceFacts], hosts: Iterable[str], secret: bytes) -> None:
        known = tuple(hosts)
        self.redaction = Redaction(namespaces, secret, known)
        self._hosts = {self.redaction.names.whole_name(host, "host"): host for host in known}

    def report(self, report: Report) -> Report:
        """Return a report under other names."""
        return self.redaction.of(report)

    def facts(self, facts: NamespaceFacts) -> NamespaceFacts:
        """Return the facts of a namespace under other names."""
        return self.redaction.of(facts)

    def real_host(self, shown: str | None) -> str | None:
        """Return the host that a veiled report calls so."""
        return self._hosts.get(shown, shown) if shown is not None else None

    def inventory(self, inventory: Inventory) -> Inventory:
        """Return what there is to pick from under other names; its order stays, so that it can be picked from."""
        return Inventory(
            tuple(map(self._known, inventory.known)), tuple(map(self._devices, inventory.devices))
        )

    def _known(self, known: Known) -> Known:
        name = self.redaction.prose(known.namespace.name)
        also = tuple(map(self.redaction.names.contained, known.also))
        form = self.redaction.prose(known.form)
        return Known(self._host(known.host), NamespaceRef(name, known.namespace.inode), form, also)

    def _devices(self, part: MapNamespace) -> MapNamespace:
        devices = tuple(map(self._device, part.devices))
        return replace(part, host=self._host(part.host), devices=devices)

    def _device(self, device: MapDevice) -> MapDevice:
        return replace(
            device,
            name=self.redaction.names.device(device.name),
            addresses=tuple(map(self.redaction.prose, device.addresses)),
            notes=tuple(map(self.redaction.prose, device.notes)),
        )

    def _host(self, host: str) -> str:
        return self.redaction.names.whole_name(host, "host")


def spoken_of(report: Report) -> tuple[tuple[NamespaceFacts, ...], tuple[str, ...]]:
    """Return the namespaces and hosts that a report names, as far as a redaction needs to know of them.

    For a saved report, beside which there are no facts.
    """
    hosts: dict[str, None] = {}
    devices: dict[NamespaceRef, dict[str, None]] = {}
    ends = (report.question.source, report.question.destination)
    causes = [cause.location for cause in (*report.causes, *report.hazards)]
    parts: list[Node | Endpoint | Location] = [*report.path.nodes, *ends, *causes]
    for part in parts:
        if part.host:
            hosts[part.host] = None
        if part.namespace is not None:
            held = devices.setdefault(part.namespace, {})
            held.update({part.interface: None} if part.interface else {})
    addresses = [end.address for end in ends if end.address is not None and ":" not in end.address]
    facts = [_stand_in(ref, list(held)) for ref, held in devices.items()]
    if facts:
        known = tuple(Address(1, AF_INET, address, 24) for address in addresses)
        facts[0] = replace(facts[0], addresses=known)
    return tuple(facts), tuple(hosts)


def _stand_in(ref: NamespaceRef, devices: list[str]) -> NamespaceFacts:
    links = tuple(Link(number, name, 0, 1500) for number, name in enumerate(devices, 1))
    return NamespaceFacts(NamespaceId(ref.inode or 0, (ref.name,)), links)
