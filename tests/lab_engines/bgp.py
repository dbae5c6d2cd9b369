"""Nodes that tell each other by BGP which containers they have, as Calico's do: bird in the namespace of each."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .breakage import patient
from .engine import PREFIX, namespace, needs, remove, run, wire

COMMON = """
log stderr all;
router id {own};
protocol device {{ }}
protocol kernel {{ ipv4 {{ import none; export all; }}; }}
protocol static {{ ipv4; {blocks} }}
template bgp peer {{
  local as {number}; connect delay time 1; connect retry time 1; error wait time 1, 1;
  ipv4 {{ import {imported}; export {exported}; }};
}}
{peers}
"""


class Speaker:
    """A namespace in which bird runs: a node with a block of container addresses, or a router that has none."""

    def __init__(self, name: str, number: int, folder: Path, block: str = "") -> None:
        self.name, self.number, self.block = f"{PREFIX}bgp-{name}", number, block
        self.folder = folder / name
        self.peers: list[tuple[str, int]] = []
        self.process: subprocess.Popen[bytes] | None = None

    def configuration(self, called: str, **changed: str) -> str:
        """Write a configuration, changed from what is right in some places, and return the command that loads it."""
        blocks = " ".join(f"route {block} blackhole;" for block in (self.block, changed.get("stale")) if block)
        text = COMMON.format(
            own=f"192.0.2.{self.number - 64500}",
            number=self.number,
            blocks=blocks,
            imported=changed.get("imported", "all"),
            exported=changed.get("exported", "where source = RTS_STATIC" if self.block else "all"),
            peers="\n".join(
                f"protocol bgp as{number} from peer {{ neighbor {address} as {number}; }}"
                for address, number in self.peers
            ),
        )
        path = self.folder / f"{called}.conf"
        path.write_text(text)
        return f"birdc -s {self.folder}/ctl configure '\"{path}\"'"

    def start(self) -> None:
        """Run bird."""
        self.configuration("right")
        command = ("bird", "-f", "-c", f"{self.folder}/right.conf", "-s", f"{self.folder}/ctl")
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                ("ip", "netns", "exec", self.name, *command), stdout=log, stderr=log
            )

    def stop(self) -> None:
        """End bird, which takes its routes back."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)

    def learned(self) -> int:
        """How many routes bird has installed."""
        return len(run("ip", "-n", self.name, "route", "show", "proto", "bird").splitlines())


class Cluster:
    """Three nodes and a router: the first two next to each other, the third behind the router; a container on each."""

    def __init__(self, folder: Path) -> None:
        self.one = Speaker("n1", 64501, folder, "10.201.1.0/26")
        self.two = Speaker("n2", 64502, folder, "10.201.2.0/26")
        self.three = Speaker("n3", 64503, folder, "10.201.3.0/26")
        self.router = Speaker("tor", 64510, folder)
        self.nodes = (self.one, self.two, self.three)
        self.speakers = (*self.nodes, self.router)

    def build(self) -> None:
        """Make the namespaces, wires, default routes and containers, and run bird everywhere."""
        one, two, three, router = self.speakers
        for speaker in self.speakers:
            speaker.folder.mkdir()
            namespace(speaker.name)
            run("ip", "netns", "exec", speaker.name, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        self._join(one, "out", "198.51.100.1/24", two, "in", "198.51.100.2/24")
        self._join(one, "uplink", "203.0.113.2/30", router, "d1", "203.0.113.1/30")
        self._join(three, "uplink", "203.0.113.6/30", router, "d3", "203.0.113.5/30")
        for node, gateway in ((one, "203.0.113.1"), (two, "198.51.100.1"), (three, "203.0.113.5")):
            run("ip", "-n", node.name, "route", "add", "default", "via", gateway)
            self._container(node)
        for speaker in self.speakers:
            speaker.start()

    @staticmethod
    def _join(here: Speaker, device: str, address: str, there: Speaker, peer: str, other: str) -> None:
        wire((here.name, device, address), (there.name, peer, other))
        here.peers.append((other.partition("/")[0], there.number))
        there.peers.append((address.partition("/")[0], here.number))

    @staticmethod
    def _container(node: Speaker) -> None:
        """A container as Calico cables it: a /32, a gateway that nobody has, ARP answered by proxy."""
        pod, address = f"{node.name}-pod", pod_address(node)
        namespace(pod)
        run("ip", "link", "add", "cali0", "netns", node.name, "type", "veth", "peer", "name", "eth0", "netns", pod)
        for own in ("conf/cali0/proxy_arp=1", "neigh/cali0/proxy_delay=0"):
            run("ip", "netns", "exec", node.name, "sysctl", "-qw", f"net/ipv4/{own}")
        run("ip", "-n", node.name, "link", "set", "cali0", "up")
        run("ip", "-n", node.name, "route", "add", address, "dev", "cali0", "scope", "link")
        run("ip", "-n", pod, "addr", "add", f"{address}/32", "dev", "eth0")
        run("ip", "-n", pod, "link", "set", "eth0", "up")
        run("ip", "-n", pod, "route", "add", "169.254.1.1", "dev", "eth0", "scope", "link")
        run("ip", "-n", pod, "route", "add", "default", "via", "169.254.1.1", "dev", "eth0")

    def forget(self) -> None:
        """Delete the routes to the containers of other nodes that somebody added by hand."""
        for speaker in self.speakers:
            for line in run("ip", "-n", speaker.name, "route", "show", "proto", "boot").splitlines():
                if line.startswith("10.201.") and "via" in line.split():
                    run("ip", "-n", speaker.name, "route", "del", line.split()[0], "proto", "boot")

    def clean(self) -> None:
        """End every bird and take the namespaces away."""
        for speaker in self.speakers:
            speaker.stop()
        remove(*(speaker.name for speaker in self.speakers), *(f"{node.name}-pod" for node in self.nodes))


def pod_address(node: Speaker) -> str:
    """The address of a node's container."""
    return node.block.replace(".0/26", ".2")


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """The nodes, once each knows of every other's containers; taken away at the end."""
    needs("bird", "birdc", "ping")
    made = Cluster(folder)
    try:
        made.build()
        # Each node blackholes its own block; the first two hear of each other, the first and the third by the router.
        due = {made.one: 3, made.two: 2, made.three: 2, made.router: 2}
        if not patient(lambda: all(speaker.learned() >= count for speaker, count in due.items())):
            pytest.fail("\n".join((speaker.folder / "log").read_text()[-500:] for speaker in made.speakers))
        yield made
    finally:
        made.clean()
