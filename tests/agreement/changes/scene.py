"""What a change is given: the network, the question, and ways to pick what lies near the path."""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tests.agreement.model import Device, Draft, Endpoint
from tests.agreement.plan import Command, Question

T = TypeVar("T")
Commands = Sequence[Command] | None
"""What a change does; ``None``: this network has nothing of the sort."""
Change = Callable[["Scene"], Commands]

REGISTRY: dict[str, tuple[int, Change]] = {}
"""Kind -> (weight, function). A kind is the function's name with dashes."""


def change(weight: int) -> Callable[[Change], Change]:
    """Put a change on the list, under its function's name."""

    def register(function: Change) -> Change:
        name = getattr(function, "__name__", "").replace("_", "-")
        assert name not in REGISTRY
        REGISTRY[name] = (weight, function)
        return function

    return register


@dataclass(frozen=True)
class Scene:
    """A built network and the question which will be asked of it."""

    draft: Draft
    question: Question

    @property
    def rng(self) -> random.Random:
        return self.draft.rng

    def pick(self, items: Sequence[T]) -> T | None:
        return self.rng.choice(items) if items else None

    # devices

    def nearness(self, device: Device) -> int:
        """How much a device is worth breaking for this question."""
        ends = (self.question.source, self.question.destination)
        if device.space in ends or (device.peer is not None and device.peer.space in ends):
            return 6
        return 2 if self.draft.roles[device.space] != "container" else 1

    def device(
        self, *roles: str, kind: str = "", where: Callable[[Device], bool] = lambda _: True
    ) -> Device | None:
        """A device of these roles and this kind, those near the path first."""
        found = [device for device in self.draft.of(*roles, kind=kind) if where(device)]
        if not found:
            return None
        return self.rng.choices(found, [self.nearness(device) for device in found])[0]

    def addressed(self) -> Device | None:
        return self.device(where=lambda device: bool(device.addresses))

    # namespaces

    def routing_space(self) -> str:
        """A namespace whose routing matters: an end of the question or one that forwards."""
        between = [name for name, role in self.draft.roles.items() if role in ("host", "router")]
        return self.rng.choice([self.question.source, self.question.destination, *between, *between])

    # addresses

    def target(self) -> str:
        """The address, or a prefix around it, that traffic of the question is sent to (or its source)."""
        address = self.question.address if self.rng.random() < 0.65 else self.source_address()
        length = self.rng.choice((32, 32, 32, 31, 30, 28, 24, 16))
        return str(ipaddress.ip_network(f"{address}/{length}", strict=False))

    def source_address(self) -> str:
        if self.question.from_address:
            return self.question.from_address
        mine = [point.address for point in self.draft.endpoints if point.space == self.question.source]
        return mine[0] if mine else self.question.address

    def other_endpoint(self, *spaces: str) -> Endpoint | None:
        """An address of the network that belongs to none of these namespaces."""
        return self.pick([point for point in self.draft.endpoints if point.space not in spaces])

    def on_link(self, device: Device) -> list[tuple[str, str]]:
        """(address, MAC) of what a device may resolve: neighbours in its subnets, and its gateways."""
        found: list[tuple[str, str]] = []
        for cidr in device.addresses:
            network = ipaddress.ip_interface(cidr).network
            for other in self.draft.devices:
                for theirs in other.addresses:
                    ip = theirs.split("/")[0]
                    if other is not device and ipaddress.ip_address(ip) in network and other.mac:
                        found.append((ip, other.mac))
        for route in self.draft.routes:
            if route.space == device.space and route.device == device.name and "via" in route.words:
                ip = route.words[route.words.index("via") + 1]
                if ip not in [known for known, _ in found]:
                    found.append((ip, device.peer.mac if device.peer else self.draft.mac()))
        near = [pair for pair in found if pair[0] == self.question.address]
        return [*found, *near, *near]

    def unused(self, device: Device) -> str | None:
        """An address of the device's subnet that nobody has."""
        if not device.addresses:
            return None
        network = ipaddress.ip_interface(device.addresses[0]).network
        if network.num_addresses < 4:
            return None
        taken = {cidr.split("/")[0] for each in self.draft.devices for cidr in each.addresses}
        for _ in range(50):
            candidate = str(network[self.rng.randrange(1, network.num_addresses - 1)])
            if candidate not in taken:
                return candidate
        return None


def ip(space: str, *words: str) -> Command:
    """An ``ip`` command in a namespace."""
    return Command(space, ("ip", *words))


def bridge(space: str, *words: str) -> Command:
    """A ``bridge`` command in a namespace."""
    return Command(space, ("bridge", *words))


def sysctl(space: str, path: str, value: str | int) -> Command:
    """A write to a file below ``/proc/sys`` in a namespace."""
    return Command(space, ("sysctl", path, str(value)))
