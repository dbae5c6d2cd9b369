"""Sockets that listen or are bound, against what ss shows of the same namespace."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from netdoctor.collect.live import LiveHost
from netdoctor.facts.sockets import Socket
from netdoctor.lab.talk import __file__ as TALK
from netdoctor.snapshot import decode, encode, snapshot_host, take

from .conftest import Bench, opened

LISTENERS = (
    "tcp 80",
    "tcp 127.0.0.1:81",
    "tcp [::]:82",
    "tcp [::]:83 v6only",
    "tcp [::ffff:127.0.0.1]:84",
    "tcp [::1]:85",
    "tcp 86 full",
    "tcp 87 dev v0",
    "udp 53",
    "udp [::]:54 v6only",
    "udp 127.0.0.2:55 dev lo",
)

#: A line of `ss -Hlntue`: protocol, state, Recv-Q, Send-Q, address[%device]:port, peer, and what else there is.
LINE = re.compile(r"(tcp|udp)\s+(\S+)\s+(\d+)\s+(\d+)\s+(\S+):(\d+)\s+\S+\s+(.*)")

Shown = tuple[str, str, str, int, str, int, int, bool, int]


@pytest.fixture
def full(bench: Bench, tmp_path: object) -> Iterator[str]:
    """A namespace in which a few programs listen, and some talk."""
    if shutil.which("ss") is None:
        pytest.skip("needs ss (iproute2)")
    name = bench.add("sockets")
    bench.inside(name, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=0", "net.ipv6.conf.lo.disable_ipv6=0")
    bench.ip(name, "link set lo up\nlink add v0 type veth peer name v1")
    children = []
    try:
        for words in LISTENERS:
            command = ["nsenter", f"--net=/run/netns/{name}", sys.executable, "-I", TALK, "listen"]
            child = subprocess.Popen([*command, *words.split()], stdout=subprocess.PIPE)
            children.append(child)
            assert child.stdout is not None
            assert child.stdout.readline() == b"listening\n", words
        yield name
    finally:
        for child in children:
            child.kill()
            child.communicate()


def theirs(text: str) -> set[Shown]:
    """The lines of ss as tuples."""
    found = set()
    for line in text.splitlines():
        match = LINE.match(line)
        assert match, line
        proto, state, queued, backlog, where, port, rest = match.groups()
        address, _, device = where.partition("%")
        address = address.strip("[]")
        # ss writes `*` for an IPv6 socket that takes both families.
        address = "::" if address == "*" else address
        listening = proto == "tcp"
        inode = re.search(r"ino:(\d+)", rest)
        found.add(
            (
                proto, state, address, int(port), device, int(backlog) if listening else 0,
                int(queued) if listening else 0, "v6only:1" in rest, int(inode[1]) if inode else 0,
            )  # fmt: skip
        )
    return found


def ours(sockets: tuple[Socket, ...], names: dict[int, str]) -> set[Shown]:
    return {
        (s.proto, s.state, s.address, s.port, names.get(s.ifindex, ""), s.backlog, s.queued, s.v6only, s.inode)
        for s in sockets
    }


def test_what_ss_shows(bench: Bench, host: LiveHost, full: str) -> None:
    namespace = opened(host, bench, full)
    sockets = namespace.sockets()
    assert sockets is not None
    shown = theirs(bench.inside(full, "ss", "-Hlntue"))
    assert len(shown) == len(LISTENERS)
    assert ours(sockets, {link.index: link.name for link in namespace.links()}) == shown
    assert not [entry for entry in host.missing if "sockets" in entry.what]


def test_the_details(bench: Bench, host: LiveHost, full: str) -> None:
    by_port = {item.port: item for item in opened(host, bench, full).sockets() or ()}
    assert (by_port[82].family, by_port[82].address, by_port[82].v6only) == (10, "::", False)
    assert by_port[83].v6only
    assert by_port[84].address == "::ffff:127.0.0.1"
    assert (by_port[86].queued, by_port[86].backlog) == (1, 0)
    assert by_port[53].state == "UNCONN"
    assert by_port[80].uid == 0


def test_they_are_in_the_snapshot(bench: Bench, host: LiveHost, full: str) -> None:
    class One:
        """The host with one namespace in it."""

        name, missing, unplaced, namespace = "one", (), (), host.namespace

        def namespaces(self) -> object:
            return [known for known in host.namespaces() if full in known.names]

    live = opened(host, bench, full).sockets()
    again = snapshot_host(decode(encode(take(One()))))  # type: ignore[arg-type]
    kept = again.namespace(bench.inode(full))
    assert kept is not None
    assert live is not None
    # a snapshot has the command lines of those that listen, too
    assert tuple(replace(socket, holder=None) for socket in kept.sockets() or ()) == live


def test_a_namespace_without_sockets_has_none(bench: Bench, host: LiveHost) -> None:
    assert opened(host, bench, bench.add("silent")).sockets() == ()
