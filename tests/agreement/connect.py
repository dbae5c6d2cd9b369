"""The real connection: a listener in the destination's namespace, and a client that says whether it got an answer."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator

from tests.agreement.ping import Pinged
from tests.agreement.plan import Question

PATIENCE = 2.5

LISTEN = """
import socket, sys
proto, port = sys.argv[1], int(sys.argv[2])
kind = socket.SOCK_STREAM if proto == "tcp" else socket.SOCK_DGRAM
s = socket.socket(socket.AF_INET, kind)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if proto == "udp":
    s.setsockopt(socket.IPPROTO_IP, 8, 1)
s.bind(("0.0.0.0", port))
if proto == "tcp":
    s.listen(16)
print("ready", flush=True)
held = []
while True:
    if proto == "tcp":
        held.append(s.accept())
    else:
        # The answer goes out from the address that was asked (IP_PKTINFO), as a server that serves several does.
        data, ancillary, _, peer = s.recvmsg(2048, 256)
        s.sendmsg([data], [(0, 8, b"\\0" * 4 + a[2][4:8] + b"\\0" * 4) for a in ancillary], 0, peer)
"""

CLIENT = """
import socket, sys, time
proto, address, port, source, patience = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], float(sys.argv[5])
kind = socket.SOCK_STREAM if proto == "tcp" else socket.SOCK_DGRAM
end = time.monotonic() + patience
s = socket.socket(socket.AF_INET, kind)
try:
    if source:
        s.bind((source, 0))
    s.settimeout(patience)
    s.connect((address, port))
    while proto == "udp":
        s.send(b"x" * 56)
        s.settimeout(0.4)
        try:
            s.recv(2048)
            break
        except TimeoutError:
            if time.monotonic() > end:
                raise
except OSError as error:
    print(type(error).__name__, error)
    sys.exit(1)
print("answered")
"""


@contextlib.contextmanager
def listener(real: dict[str, str], question: Question) -> Iterator[None]:
    """Somebody who listens at the question's port, while the block runs; nobody for a ping."""
    if question.protocol == "icmp" or not question.listening:
        yield
        return
    command = [*_inside(real[question.destination]), LISTEN, question.protocol, str(question.port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline().strip() != "ready":
                raise RuntimeError("the listener did not come up")
            yield
        finally:
            process.kill()


def connect(real: dict[str, str], question: Question, address: str) -> Pinged:
    """Connect (TCP), or send datagrams until one is answered (UDP)."""
    words = (question.protocol, address, str(question.port), question.from_address or "", str(PATIENCE))
    done = subprocess.run(
        [*_inside(real[question.source]), CLIENT, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    shown = ("ip", "netns", "exec", real[question.source], "connect", *words)
    answered = int(done.returncode == 0)
    return Pinged(shown, done.stdout + done.stderr, answered, None if answered else done.returncode)


def _inside(namespace: str) -> list[str]:
    return ["ip", "netns", "exec", namespace, sys.executable, "-c"]
