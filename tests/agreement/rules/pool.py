"""Values that random rules are made of: addresses, devices and lladdrs near the packets of the question.

A rule that meets nothing tests nothing, so most values come from the network itself, and some from its neighbourhood.
"""

from __future__ import annotations

from ipaddress import IPv4Address, ip_interface, ip_network

from tests.agreement.model import Device, Draft
from tests.agreement.plan import Question

STRANGER = "198.51.100.7"
MARKS = (1, 2, 3, 0x10, 0x4000, 0x8000)


class Pool:
    """What one namespace's rules may mention."""

    def __init__(self, draft: Draft, question: Question, space: str) -> None:
        self.rng = draft.rng
        self.draft = draft
        self.space = space
        self.question = question
        own = [point.address for point in draft.endpoints if point.space == question.source]
        self.src = question.from_address or own[0]
        self.dst = question.address
        self.devices = draft.in_space(space)

    @property
    def proto(self) -> str:
        """The protocol of the question."""
        return self.question.protocol

    def ports_of(self, dash: str) -> str:
        """A port or a range that holds the question's, or does not."""
        port = self.question.port
        return self.pick(f"{port}", f"{port}", f"{port - 10}{dash}{port}", f"1024{dash}65535", "443")

    def chance(self, probability: float) -> bool:
        """True that often."""
        return self.rng.random() < probability

    def pick(self, *options: str) -> str:
        """One of several."""
        return self.rng.choice(options)

    def host(self) -> str:
        """A single address: mostly one of the question's two, else any of the network, else a stranger's."""
        draw = self.rng.random()
        if draw < 0.7:
            return self.rng.choice((self.src, self.dst))
        if draw < 0.95:
            return self.rng.choice(self.draft.endpoints).address
        return STRANGER

    def around(self, address: str) -> str:
        """A prefix that holds the address."""
        return str(
            ip_network(f"{address}/{self.rng.choice((8, 16, 23, 24, 25, 28, 30, 31, 0))}", strict=False)
        )

    def address(self) -> str:
        """A host or a prefix."""
        host = self.host()
        return host if self.chance(0.5) else self.around(host)

    def span(self) -> tuple[str, str]:
        """A range of addresses around a host."""
        middle = int(IPv4Address(self.host()))
        return str(IPv4Address(middle - self.rng.randrange(9))), str(
            IPv4Address(middle + self.rng.randrange(9))
        )

    def local(self) -> str:
        """An address of this namespace, or the question's destination where it has none."""
        mine = [str(ip_interface(cidr).ip) for device in self.devices for cidr in device.addresses]
        return self.rng.choice(mine) if mine else self.dst

    def device(self, *roles: str) -> str:
        """The name of a device of this namespace."""
        fitting = [d for d in self.devices if not roles or d.role in roles]
        return self.rng.choice(fitting).name if fitting else "eth9"

    def ports(self) -> list[Device]:
        """Bridge ports of this namespace."""
        return [device for device in self.devices if device.master is not None]

    def port(self) -> str:
        """The name of a bridge port, or of any device where there is no bridge."""
        ports = self.ports()
        return self.rng.choice(ports).name if ports else self.device()

    def prefix_of(self, name: str) -> str:
        """The beginning of a device's name."""
        return name[: self.rng.randint(1, max(1, min(4, len(name) - 1)))]

    def lladdr(self) -> str:
        """An lladdr of the network."""
        known = [device.mac for device in self.draft.devices if device.mac]
        return self.rng.choice(known) if known else "02:00:00:00:00:01"

    def mark(self) -> int:
        """One of few marks, so that what is set is also met."""
        return self.rng.choice(MARKS[:3]) if self.chance(0.7) else self.rng.choice(MARKS)

    def size(self) -> tuple[int, int]:
        """A range of lengths, often around the question's packet."""
        length = self.question.size + 28
        low = self.rng.choice((0, length, length - 20, length + 1, 100))
        return low, low + self.rng.choice((0, 40, 2000, 65535 - low if low >= 0 else 0))

    def ttl(self) -> int:
        """A hop limit that a ping of a few hops has, or has not."""
        return self.rng.choice((1, 60, 61, 62, 63, 64, 65, 128))
