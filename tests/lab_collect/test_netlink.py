"""The conversation itself: dumps that the kernel interrupts, refusals, and the weight of imports."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from netdoctor.collect import netlink
from netdoctor.collect.live import LiveHost
from netdoctor.collect.netlink import HEADER, NLM_F_DUMP_INTR, NLMSG_DONE, Conversation

from .conftest import Bench, opened

LINK = 16


class Scripted:
    """A socket whose answers are prepared: a list of (flags of the message, flags of NLMSG_DONE) for each dump."""

    def __init__(self, dumps: list[tuple[int, int]]) -> None:
        self.dumps = dumps
        self.sent = 0
        self.waiting: list[bytes] = []

    def send(self, request: bytes) -> None:
        """Prepare the answer to a dump: an old answer first, then two messages of which the second is the count."""
        _, _, _, sequence, _ = HEADER.unpack_from(request)
        first, last = self.dumps[self.sent]
        self.sent += 1
        body = bytes((self.sent, 0, 0, 0))
        self.waiting = [
            HEADER.pack(20, LINK, 0, sequence - 1, 0) + b"old!",
            HEADER.pack(20, LINK, 2 | first, sequence, 0) + body,
            HEADER.pack(20, NLMSG_DONE, 2 | last, sequence, 0) + bytes(4),
        ]

    def recv(self, _: int) -> bytes:
        """Hand out the next datagram."""
        return self.waiting.pop(0)


def scripted(dumps: list[tuple[int, int]]) -> tuple[Conversation, Scripted]:
    conversation = Conversation()
    conversation.close()
    stand_in = Scripted(dumps)
    conversation._socket = stand_in  # type: ignore[assignment]
    return conversation, stand_in


@pytest.mark.parametrize("interrupted", [(NLM_F_DUMP_INTR, 0), (0, NLM_F_DUMP_INTR)])
def test_an_interrupted_dump_is_repeated(interrupted: tuple[int, int]) -> None:
    conversation, stand_in = scripted([interrupted, interrupted, (0, 0)])
    dump = conversation.dump(18, b"")
    assert not dump.interrupted
    assert stand_in.sent == 3
    assert [message[16] for message in dump.messages()] == [3], "only the last attempt counts"


def test_no_questions_are_no_failure() -> None:
    conversation = Conversation()
    assert conversation.ask_many(LINK, []) == []
    conversation.close()


def test_a_dump_interrupted_every_time_says_so() -> None:
    conversation, stand_in = scripted([(NLM_F_DUMP_INTR, 0)] * netlink.RETRIES)
    assert conversation.dump(18, b"").interrupted
    assert stand_in.sent == netlink.RETRIES


def test_dumps_while_links_come_and_go(bench: Bench, host: LiveHost) -> None:
    full = bench.add("busy")
    bench.ip(full, "\n".join(f"link add a{n} type veth peer name b{n}" for n in range(40)))
    lines = "\n".join(
        f"link add x{n % 7} type veth peer name y{n % 7}\nlink del x{n % 7}" for n in range(300)
    )
    churn = threading.Thread(
        target=lambda: subprocess.run(("ip", "-n", full, "-batch", "-"), input=lines, text=True, check=True)
    )
    route = host.pool.access(opened(host, bench, full).id).route
    churn.start()
    try:
        for _ in range(60):
            dump = route.dump(18, bytes(16))
            names = [name for name in (f"a{n}".encode() + b"\0" for n in range(40)) if not dump.holding(name)]
            assert dump.interrupted or not names
    finally:
        churn.join()


def test_no_privilege(bench: Bench) -> None:
    full = bench.add("closed")
    bench.ip(full, "link set lo up")
    with LiveHost() as everything:
        opened(everything, bench, full).facts()  # so that no module is left to import from a folder of root's
    os.seteuid(65534)
    try:
        with LiveHost() as host:
            assert {name for n in host.namespaces() for name in n.names} >= {full}
            own = host.namespace(os.stat("/proc/self/ns/net").st_ino)
            assert own is not None
            assert own.link_named("lo") is not None
            assert own.sysctl("ipv4/ip_forward") is not None
            own.rulesets()
            assert host.namespace(bench.inode(full)) is None
            entered = [m for m in host.missing if m.what == "other network namespaces"]
            assert len(entered) == 1
            assert entered[0].how_to_get_it == "run netdoctor as root"
            assert len(host.missing) < 12
    finally:
        os.seteuid(0)


def test_pyroute2_is_imported_late_and_in_part() -> None:
    program = """
import sys
from netdoctor.collect.live import LiveHost
assert not [name for name in sys.modules if name.startswith("pyroute2")]
from netdoctor.collect import pyroute
pyroute.route_message(), pyroute.nexthop_message()
assert "pyroute2.netlink.rtnl.rtmsg" in sys.modules
assert "asyncio" not in sys.modules and "pyroute2.iproute" not in sys.modules
import pyroute2
try:
    pyroute2.no_such_name
except AttributeError:
    pass
else:
    raise SystemExit("an unknown name must be an error")
from pyroute2 import IPRoute
assert pyroute2.__version__ and pyroute2.netlink.rtnl.rtmsg.rtmsg
with IPRoute() as ipr:
    assert ipr.get_links()
"""
    done = subprocess.run((sys.executable, "-c", program), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
