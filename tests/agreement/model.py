"""The network under construction: what a family has built, and what a change may pick from.

Nothing here touches the system. A ``Draft`` collects commands in the order in which they can be run, and
remembers devices, addresses, routes and static entries, so that a change can name things that exist.
"""

from __future__ import annotations

import ipaddress
import random
from dataclasses import dataclass, field

from tests.agreement.plan import Command

HOSTING = ("host", "router", "hidden")


@dataclass
class Device:
    """A network device as the plan knows it. ``role``: eth, port, bridge, underlay, vtep, parent, uplink."""

    space: str
    name: str
    kind: str
    role: str
    mac: str
    peer: Device | None = None
    master: Device | None = None
    mtu: int = 1500
    addresses: list[str] = field(default_factory=list)
    options: tuple[str, ...] = ()
    home: str = ""
    """Where the device was made, when that is not where it stands (a moved VTEP keeps its underlay there)."""

    @property
    def first_ip(self) -> str | None:
        return self.addresses[0].split("/")[0] if self.addresses else None


@dataclass(frozen=True)
class Entry:
    """A route, rule, neighbour or FDB entry that the build installed: where, and the words after ``add``."""

    space: str
    device: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Endpoint:
    """An address that a question may ask for."""

    space: str
    address: str


class Draft:
    """A growing network. Families call its methods; changes read what they left."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.roles: dict[str, str] = {}
        self.devices: list[Device] = []
        self.endpoints: list[Endpoint] = []
        self.routes: list[Entry] = []
        self.neighbours: list[Entry] = []
        self.fdb: list[Entry] = []
        self._base: list[Command] = []
        self._creation: list[Command] = []
        self._configuration: dict[str, list[Command]] = {}
        self._networks: list[ipaddress.IPv4Network] = []
        self._names: set[str] = set()
        self._serial = 0

    # names and numbers

    def mac(self, prefix: str = "02") -> str:
        """A fresh, locally administered unicast MAC."""
        return prefix + "".join(f":{self.rng.randrange(256):02x}" for _ in range(5))

    def name(self, *stems: str) -> str:
        """A device name nobody has yet, of one of the stems and, where it helps, a random tail."""
        while True:
            self._serial += 1
            stem = self.rng.choice(stems)
            candidate = (
                f"{stem}{self.rng.randrange(16**7):07x}"[:15]
                if stem[-1].isalpha() or stem[-1] == "-"
                else stem
            )
            if candidate not in self._names:
                self._names.add(candidate)
                return candidate

    def subnet(self, low: int = 16, high: int = 28) -> ipaddress.IPv4Network:
        """A private network of random size which overlaps none given before."""
        while True:
            base = ipaddress.ip_network(
                self.rng.choice(("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"))
            )
            length = self.rng.randint(max(low, base.prefixlen + 2), high)
            start = int(base.network_address) + self.rng.randrange(2 ** (length - base.prefixlen)) * 2 ** (
                32 - length
            )
            network = ipaddress.IPv4Network((start, length))
            if not any(network.overlaps(other) for other in self._networks):
                self._networks.append(network)
                return network

    def hosts(self, network: ipaddress.IPv4Network, count: int) -> list[str]:
        """Distinct addresses of a network, neither its first nor its last, in random order."""
        size = network.num_addresses - 2
        picks = self.rng.sample(range(1, size + 1), count)
        return [str(network.network_address + pick) for pick in picks]

    # namespaces, devices, entries

    def space(self, name: str, role: str) -> str:
        """Declare a namespace: ``container``, ``host``, ``router``, ``switch`` or ``hidden``."""
        self.roles[name] = role
        self._configuration[name] = []
        # Nothing may speak on its own between the diagnosis and the ping: no IPv6, no IGMP reports.
        for path, value in (
            ("net/ipv6/conf/all/disable_ipv6", "1"),
            ("net/ipv6/conf/default/disable_ipv6", "1"),
            ("net/ipv4/igmp_link_local_mcast_reports", "0"),
            ("net/ipv4/igmp_qrv", "1"),
            ("net/ipv4/ip_forward", "1" if role in HOSTING else str(int(self.rng.random() < 0.15))),
        ):
            self._base.append(Command(name, ("sysctl", path, value)))
        strict = self.rng.choice("000112") if role in HOSTING else self.rng.choice("0000012")
        for which in ("all", "default"):
            self._base.append(Command(name, ("sysctl", f"net/ipv4/conf/{which}/rp_filter", strict)))
        self.configure(name, "ip", "link", "set", "lo", "up")
        return name

    def create(self, space: str, *argv: str) -> None:
        """A command that makes devices; all of these run before any configuration."""
        self._creation.append(Command(space, argv))

    def configure(self, space: str, *argv: str, text: str = "") -> None:
        """A command that needs the devices to be there; `text` is what it reads."""
        self._configuration[space].append(Command(space, argv, text))

    def add(self, device: Device) -> Device:
        self.devices.append(device)
        return device

    def veth(
        self,
        space: str,
        name: str,
        role: str,
        far: str,
        far_name: str,
        far_role: str,
        mac: str = "",
        mtu: int = 1500,
    ) -> tuple[Device, Device]:
        """A veth pair between two namespaces; both ends come up."""
        near = self.add(Device(space, name, "veth", role, mac or self.mac(), mtu=mtu))
        peer = self.add(Device(far, far_name, "veth", far_role, self.mac(), mtu=mtu))
        near.peer, peer.peer = peer, near
        end = () if mtu == 1500 else ("mtu", str(mtu))
        self.create(
            space, "ip", "link", "add", name, "address", near.mac, *end, "type", "veth",
            "peer", "name", far_name, "netns", f"@{far}", "address", peer.mac, *end,
        )  # fmt: skip
        self.up(near)
        self.up(peer)
        return near, peer

    def bridge(self, space: str, name: str, mtu: int = 1500) -> Device:
        """A bridge with a fixed MAC, or, at times, one that takes its ports' lowest."""
        fixed = self.rng.random() < 0.8
        device = self.add(Device(space, name, "bridge", "bridge", self.mac() if fixed else "", mtu=mtu))
        address = ("address", device.mac) if fixed else ()
        self.create(space, "ip", "link", "add", name, *address, "type", "bridge")
        self.up(device)
        return device

    def enslave(self, port: Device, bridge: Device) -> None:
        port.master = bridge
        self.configure(port.space, "ip", "link", "set", port.name, "master", bridge.name)

    def up(self, device: Device) -> None:
        self.configure(device.space, "ip", "link", "set", device.name, "up")

    def address(self, device: Device, cidr: str, *words: str, ask: bool = True) -> None:
        """Give a device an address; ``ask``: a question may ask for it."""
        device.addresses.append(cidr)
        self.configure(device.space, "ip", "addr", "add", cidr, *words, "dev", device.name)
        if ask:
            self.endpoints.append(Endpoint(device.space, cidr.split("/")[0]))

    def route(self, space: str, *words: str) -> None:
        device = words[words.index("dev") + 1] if "dev" in words else ""
        self.routes.append(Entry(space, device, words))
        self.configure(space, "ip", "route", "add", *words)

    def neighbour(self, device: Device, address: str, mac: str) -> None:
        words = (address, "lladdr", mac)
        self.neighbours.append(Entry(device.space, device.name, words))
        self.configure(device.space, "ip", "neigh", "replace", *words, "dev", device.name, "nud", "permanent")

    def forward_entry(self, device: Device, mac: str, *words: str) -> None:
        self.fdb.append(Entry(device.space, device.name, (mac, *words)))
        self.configure(device.space, "bridge", "fdb", "append", mac, "dev", device.name, *words)

    def sysctl(self, space: str, path: str, value: str | int) -> None:
        self.configure(space, "sysctl", path, str(value))

    def proxy_arp(self, device: Device) -> None:
        # The answer of a proxy is held back up to 0.8 s at random; that would only blur the measurement.
        self.sysctl(device.space, f"net/ipv4/neigh/{device.name}/proxy_delay", 0)
        self.sysctl(device.space, f"net/ipv4/conf/{device.name}/proxy_arp", 1)

    # what changes look for

    def of(self, *roles: str, kind: str = "") -> list[Device]:
        """Devices in creation order, by role (any when none is given) and kind."""
        return [d for d in self.devices if (not roles or d.role in roles) and (not kind or d.kind == kind)]

    def in_space(self, space: str) -> list[Device]:
        return [device for device in self.devices if device.space == space]

    def build(self) -> tuple[Command, ...]:
        """All commands: what new devices inherit, then every device, then each namespace's configuration."""
        tail = [command for commands in self._configuration.values() for command in commands]
        return (*self._base, *self._creation, *tail)
