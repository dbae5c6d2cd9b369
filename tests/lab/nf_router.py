"""A router between A and B for real: rules loaded into it, single packets sent, and what became of them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from random import Random
from typing import IO, NamedTuple, Self

from netdoctor.facts.firewall import FirewallBackend, FirewallText, SetText
from tests.agreement.netns import inside
from tests.lab.nf_rules import SETS, Dialect

MACS = {
    "a": "02:00:00:00:00:0a",
    "b": "02:00:00:00:00:0b",
    "ra": "02:00:00:00:01:0a",
    "rb": "02:00:00:00:01:0b",
}
#: How long a packet may take that has only three namespaces to cross, in seconds.
PATIENCE = 0.04
SYN, RST_ACK = 0x02, 0x14


class Probe(NamedTuple):
    """A packet from A to B."""

    proto: int
    src: str
    dst: str
    sport: int
    dport: int
    ttl: int
    tos: int
    payload: int

    @property
    def length(self) -> int:
        """Bytes of the IP packet."""
        return 20 + {1: 8, 6: 20, 17: 8}[self.proto] + self.payload


class Outcome(NamedTuple):
    """Whether the packet reached B, and whether B's answer came back to A."""

    arrived: bool
    answered: bool


def probe(random: Random, proto: int) -> Probe:
    """A probe that nobody has sent before."""
    src, dst = (
        random.choice(("10.1.0.2", "10.1.0.2", "10.1.0.3")),
        random.choice(("10.2.0.2", "10.2.0.2", "10.2.0.3")),
    )
    dport = random.choice((53, 80, 80, 443, 1500, 8080))
    sizes = (56, 56, 10, 100)
    return Probe(proto, src, dst, random.randrange(1025, 60000), dport, random.choice((64, 64, 10, 63)),
                 random.choice((0, 0, 0x10, 0xB8)), random.choice(sizes) if proto != 6 else 0)  # fmt: skip


class Standing:
    """Namespaces that are built on entering, and taken down on leaving, also where building them fails."""

    names: dict[str, str]

    def __enter__(self) -> Self:
        try:
            self._build()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take everything down."""
        for name in self.names.values():
            subprocess.run(("ip", "netns", "del", name), capture_output=True, check=False)

    def _build(self) -> None:
        raise NotImplementedError


class Router(Standing):
    """Three namespaces: `a`, `r`, `b`. Use it as a context manager."""

    def __init__(self, prefix: str) -> None:
        self.names = {short: prefix + short for short in "arb"}
        self._counters: dict[str, IO[str]] = {}
        self._sockets: list[socket.socket] = []

    def close(self) -> None:
        """Take everything down."""
        for made in self._sockets:
            made.close()
        for counters in self._counters.values():
            counters.close()
        super().close()

    def _build(self) -> None:
        for name in self.names.values():
            run("ip", "netns", "add", name)
            inside(name, lambda: _write("net/ipv6/conf/all/disable_ipv6", "1"))
        for end, net in (("a", "10.1.0"), ("b", "10.2.0")):
            here, router = self.names[end], self.names["r"]
            run("ip", "-n", here, "link", "add", "eth0", "address", MACS[end], "type", "veth",
                "peer", "name", f"r{end}", "address", MACS[f"r{end}"], "netns", router)  # fmt: skip
            for ns, device, addresses in ((here, "eth0", (2, 3)), (router, f"r{end}", (1,))):
                for last in addresses:
                    run("ip", "-n", ns, "address", "add", f"{net}.{last}/24", "dev", device)
                run("ip", "-n", ns, "link", "set", device, "up")
            run("ip", "-n", here, "route", "add", "default", "via", f"{net}.1")
            run("ip", "-n", here, "neigh", "add", f"{net}.1", "lladdr", MACS[f"r{end}"], "dev", "eth0")
            for last in (2, 3):
                run(
                    "ip", "-n", router, "neigh", "add", f"{net}.{last}", "lladdr", MACS[end], "dev", f"r{end}"
                )
        inside(self.names["r"], lambda: _write("net/ipv4/ip_forward", "1"))
        for device in ("all", "ra", "rb"):
            inside(self.names["r"], lambda device=device: _write(f"net/ipv4/conf/{device}/rp_filter", "0"))  # type: ignore[misc]
        inside(self.names["b"], lambda: _write("net/ipv4/icmp_ratelimit", "0"))
        self._sender = self._socket(socket.IPPROTO_RAW)
        self._ears = [self._socket(proto) for proto in (socket.IPPROTO_ICMP, socket.IPPROTO_TCP)]
        self._snmp = inside(self.names["b"], _snmp)
        self._counters["b"] = self._snmp
        inside(self.names["r"], self._load_sets)

    def _socket(self, proto: int) -> socket.socket:
        made = inside(self.names["a"], lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, proto))
        made.setblocking(False)
        self._sockets.append(made)
        return made

    def _load_sets(self) -> None:
        subprocess.run(("ipset", "restore"), input=SETS, text=True, check=True, capture_output=True)

    @property
    def inode(self) -> int:
        """The inode of the router's namespace."""
        return os.stat(f"/run/netns/{self.names['r']}").st_ino

    def tool(self, *command: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a tool in the router's namespace."""
        command = ("ip", "netns", "exec", self.names["r"], *command)
        return subprocess.run(command, input=text, text=True, capture_output=True, check=False)

    def load(self, dialect: Dialect, text: str) -> str:
        """Load a ruleset, leaving out the lines that the tool refuses; return what was loaded."""
        command = {
            "legacy": ("iptables-legacy-restore",),
            "iptables-nft": ("iptables-nft-restore",),
            "nft": ("nft", "-f", "-"),
            "together": (),
        }[dialect]
        for _ in range(60):
            done = self.tool(*command, text=text)
            if done.returncode == 0:
                return text
            line = re.search(r"line:? (\d+)|stdin:(\d+):", done.stderr)
            assert line is not None, (done.stderr, text)
            lines = text.splitlines()
            wrong = lines.pop(int(line[1] or line[2]) - 1)
            if wrong == "COMMIT":
                return self._load_singly(dialect, text)
            text = "\n".join([*lines, ""])
        raise AssertionError(f"too many refused lines:\n{text}")

    def _load_singly(self, dialect: Dialect, text: str) -> str:
        """Where the kernel refuses a table and does not say for which rule: the chains, then rule by rule."""
        restore = f"iptables-{dialect.removeprefix('iptables-')}-restore"
        lines = text.splitlines()
        chains = [line for line in lines if not line.startswith("-A")]
        assert self.tool(restore, text="\n".join([*chains, ""])).returncode == 0
        table, loaded = "", []
        for line in lines:
            table = line if line.startswith("*") else table
            rule = f"{table}\n{line}\nCOMMIT\n"
            if not line.startswith("-A") or self.tool(restore, "-n", text=rule).returncode == 0:
                loaded.append(line)
        return "\n".join([*loaded, ""])

    def clear(self) -> None:
        """Take all rules and connections away."""
        self.tool("nft", "flush", "ruleset")
        empty = "".join(
            f"*{table}\n" + "".join(f":{hook} ACCEPT [0:0]\n" for hook in hooks.split()) + "COMMIT\n"
            for table, hooks in (
                ("raw", "PREROUTING OUTPUT"),
                ("mangle", "PREROUTING INPUT FORWARD OUTPUT POSTROUTING"),
                ("filter", "INPUT FORWARD OUTPUT"),
            )
        )
        self.tool("iptables-legacy-restore", text=empty)
        self.tool("conntrack", "-F")
        self.tool("ipset", "flush", "s-filled")

    def texts(self) -> tuple[FirewallText, ...]:
        """What is loaded, as facts."""
        found: list[FirewallText] = []
        backends: tuple[FirewallBackend, ...] = ("legacy", "nft")
        for backend in backends:
            tool = f"iptables-{backend}-save"
            saved = self.tool(tool, "-c").stdout
            for part in re.findall(r"^\*(\w+)\n(.*?)^COMMIT", saved, re.MULTILINE | re.DOTALL):
                found.append(FirewallText(backend, "ip", tool, part[0], part[1]))
        listed = json.loads(self.tool("nft", "-j", "list", "tables").stdout or '{"nftables": []}')
        known = {(text.family, text.table) for text in found if text.backend == "nft"}
        for entry in listed["nftables"]:
            if "table" in entry:
                family, name = entry["table"]["family"], entry["table"]["name"]
                if (family, name) not in known:
                    text = self.tool("nft", "-j", "-a", "list", "table", family, name).stdout
                    found.append(FirewallText("nft", family, "nft", name, text))
        return tuple(found)

    def sets(self) -> tuple[SetText, ...]:
        """The ipsets, as facts."""
        lines = self.tool("ipset", "save").stdout.splitlines()
        names = [line.split()[1] for line in lines if line.startswith("create ")]
        return tuple(
            SetText(name, "\n".join(line for line in lines if line.split()[1] == name)) for name in names
        )

    def send(self, packet: Probe) -> Outcome:
        """Send it, and see what becomes of it."""
        for ear in self._ears:
            _drain(ear)
        before = self._received(packet.proto)
        self._sender.sendto(bytes_of(packet), (packet.dst, 0))
        deadline = time.monotonic() + PATIENCE
        arrived = answered = False
        while not (arrived and answered) and time.monotonic() < deadline:
            arrived = arrived or self._received(packet.proto) > before
            answered = answered or self._answer(packet)
            time.sleep(0.002)
        return Outcome(arrived, arrived and answered)  # a reset that the router sends bears the address of B

    def _received(self, proto: int) -> int:
        self._snmp.seek(0)
        values: dict[str, dict[str, str]] = {}
        rows = [line.split() for line in self._snmp]
        for names, numbers in zip(rows[::2], rows[1::2], strict=True):
            values[names[0]] = dict(zip(names[1:], numbers[1:], strict=True))
        wanted = {
            1: (("Icmp:", "InEchos"),),
            6: (("Tcp:", "InSegs"),),
            17: (("Udp:", "InDatagrams"), ("Udp:", "NoPorts")),
        }
        return sum(int(values[group][name]) for group, name in wanted[proto])

    def _answer(self, packet: Probe) -> bool:
        ready, _, _ = select.select(self._ears, (), (), 0)
        return any(_is_answer(data, packet) for ear in ready for data in _drain(ear))


def _snmp() -> IO[str]:
    return open("/proc/thread-self/net/snmp", encoding="ascii")  # noqa: SIM115 (held as long as the router)


def run(*command: str) -> None:
    """Run a command of ours."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (command, done.stderr)


def _write(path: str, value: str) -> None:
    with open(f"/proc/sys/{path}", "w", encoding="ascii") as file:
        file.write(value)


def _drain(ear: socket.socket) -> Iterator[bytes]:
    with contextlib.suppress(BlockingIOError):
        found = []
        while True:
            try:
                found.append(ear.recv(2048))
            except BlockingIOError:
                break
        return iter(found)
    return iter(())


def _is_answer(data: bytes, packet: Probe) -> bool:
    """An echo reply, a reset or a port unreachable that B sent because of the probe."""
    if len(data) < 28 or socket.inet_ntoa(data[12:16]) != packet.dst:
        return False
    body = data[(data[0] & 15) * 4 :]
    if packet.proto == 1:
        return data[9] == 1 and body[0] == 0 and struct.unpack("!H", body[4:6])[0] == packet.sport
    if packet.proto == 6:
        return data[9] == 6 and struct.unpack("!HH", body[:4]) == (packet.dport, packet.sport)
    return data[9] == 1 and body[:2] == b"\3\3" and struct.unpack("!H", body[28:30])[0] == packet.sport


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    data += b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def bytes_of(packet: Probe) -> bytes:
    """The packet as it goes out of a raw socket: the kernel fills in the IP checksum."""
    src, dst = socket.inet_aton(packet.src), socket.inet_aton(packet.dst)
    payload = b"n" * packet.payload
    if packet.proto == 1:
        body = struct.pack("!BBHHH", 8, 0, 0, packet.sport, 1) + payload
        body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
    else:
        if packet.proto == 6:
            body = (
                struct.pack("!HHIIBBHHH", packet.sport, packet.dport, 7, 0, 5 << 4, SYN, 4096, 0, 0) + payload
            )
            place = 16
        else:
            body = struct.pack("!HHHH", packet.sport, packet.dport, 8 + len(payload), 0) + payload
            place = 6
        pseudo = src + dst + struct.pack("!BBH", 0, packet.proto, len(body))
        body = body[:place] + struct.pack("!H", checksum(pseudo + body)) + body[place + 2 :]
    header = struct.pack(
        "!BBHHHBBH4s4s", 0x45, packet.tos, 20 + len(body), 1, 0, packet.ttl, packet.proto, 0, src, dst
    )
    return header + body
