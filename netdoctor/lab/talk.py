"""A listener, or one who asks it: a program of its own that needs nothing but the standard library.

`talk.py listen PROTO [ADDRESS:]PORT [WORD…]` answers until it is ended. `talk.py ask PROTO ADDRESS PORT TIMEOUT SIZE
DF [FROM]` exits 0 where an answer comes; FROM is its own port. Both run in the network namespace in which they are
started.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import sys

SO_BINDTODEVICE = 25
IP_MTU_DISCOVER = 10
IP_PMTUDISC_DONT, IP_PMTUDISC_DO = 0, 2
KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
WORDS = ("v6only", "full", "dev", "pktinfo", "reads")
ONLY = {"full": "tcp", "reads": "tcp", "pktinfo": "udp"}
IP_PKTINFO = 8


def split(where: str) -> tuple[str, int]:
    """Return the address and the port of `[ADDRESS:]PORT`; without an address it is IPv4's wildcard.

    Raises ValueError for another form.
    """
    address, _, port = where.rpartition(":")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"not of the form [ADDRESS:]PORT: {where!r}")
    address = address.strip("[]") or "0.0.0.0"
    socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    return address, int(port)


def check(words: list[str]) -> None:
    """Raise ValueError where `words` are not what `listen` takes: PROTO [ADDRESS:]PORT, and words of WORDS.

    `v6only`; `full` (TCP: nobody accepts); `reads` (TCP: to the end, and says so with a byte); `dev NAME`; `pktinfo`
    (UDP over IPv4: answer from the address asked).
    """
    if len(words) < 2 or words[0] not in KINDS:
        raise ValueError("listen takes tcp or udp, then [ADDRESS:]PORT")
    try:
        split(words[1])
    except OSError as error:
        raise ValueError(f"no address in {words[1]!r}") from error
    rest = words[2:]
    while rest:
        word = rest.pop(0)
        if word not in WORDS or (word == "dev" and not rest) or words[0] != ONLY.get(word, words[0]):
            raise ValueError(f"listen does not take {word!r}")
        if word == "dev":
            rest.pop(0)


def check_ask(words: list[str]) -> None:
    """Raise ValueError where `words` are not what `ask` takes: PROTO ADDRESS PORT from PORT."""
    if len(words) != 5 or words[0] not in KINDS or words[3] != "from":
        raise ValueError("ask takes tcp or udp, ADDRESS, PORT, `from` and its own PORT")
    for port in (words[2], words[4]):
        split(f"{words[1]}:{port}")


def opened(words: list[str]) -> socket.socket:
    """Return the socket that `words` describe, bound, and of TCP listening. Raises OSError."""
    address, port = split(words[1])
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    own = socket.socket(family, KINDS[words[0]])
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        own.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int("v6only" in words))
    if "dev" in words:
        name = words[words.index("dev") + 1]
        own.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, name.encode() + b"\0")
    if "pktinfo" in words:
        own.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    own.bind((address, port))
    if words[0] == "tcp":
        own.listen(0 if "full" in words else 16)
    return own


def fill(own: socket.socket) -> socket.socket:
    """Connect to a listener with a backlog of 0 from within, so that no more is let in; return the connection."""
    address, port = own.getsockname()[:2]
    return socket.create_connection(({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address), port), 1)


def listen(words: list[str]) -> None:
    """Listen as `words` say, tell so on stdout, and answer what comes, for ever."""
    own = opened(words)
    waiting = fill(own) if "full" in words else None
    print("listening", flush=True)
    while waiting is not None:
        signal.pause()  # nobody accepts: the connection waits, and no other is let in
    while True:
        if words[0] == "udp":
            answer(own)
        else:
            taken = own.accept()[0]
            with taken, contextlib.suppress(OSError):
                if "reads" in words:
                    swallow(taken)


def swallow(taken: socket.socket) -> None:
    """Read a connection to its end, and say with one byte that all has come. Raises OSError."""
    taken.settimeout(1)
    while taken.recv(65536):
        pass
    taken.send(b".")


def answer(own: socket.socket) -> None:
    """Send a datagram back; where the kernel tells the address that was asked, from there (ip(7), IP_PKTINFO)."""
    data, told, _, sender = own.recvmsg(65535, 256)
    # struct in_pktinfo: ifindex, the address to send from, the one in the packet.
    source = [(socket.IPPROTO_IP, IP_PKTINFO, bytes(4) + item[2][4:8] + bytes(4)) for item in told]
    with contextlib.suppress(OSError):
        own.sendmsg([data], source, 0, sender)


def ask(proto: str, address: str, port: str, timeout: str, size: str, df: str, from_port: str = "0") -> bool:
    """Connect, or send a datagram; tell whether the connection came about, or an answer came."""
    own = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, KINDS[proto])
    own.settimeout(float(timeout))
    try:
        if from_port != "0":
            own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            own.bind(("", int(from_port)))
        if proto == "udp":
            own.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO if df == "df" else IP_PMTUDISC_DONT)
        own.connect((address, int(port)))
        if proto == "udp":
            own.send(bytes(int(size)))
            own.recv(65535)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    if sys.argv[1] == "listen":
        listen(sys.argv[2:])
    sys.exit(0 if ask(*sys.argv[2:]) else 1)
