"""The sending end: probes that leave their namespace as ping(8) and connect(2) send, and what comes back to them.

Everything goes through ordinary sockets of the kernel, so that source address, route, OUTPUT rules, conntrack, path MTU
and fragmentation are those of real traffic; a packet written to the device itself (AF_PACKET) would take none of them.

A SYN is sent by connect(2), not by a raw socket: measured side by side, the raw one is routed without its ports (policy
rules with `dport` do not match it: raw_sendmsg() knows none), it takes no cgroup hook of connect, and its SYN-ACK is
answered by a RST from a kernel that has no such socket. What a raw socket would have given, a sequence number known
beforehand, TCP_REPAIR gives too: a socket in repair takes its write_seq from us, and tcp_v4_connect() keeps it.
The connection is reset as soon as it stands (SO_LINGER 0), so that it lingers on neither side.
"""

from __future__ import annotations

import errno
import os
import select
import socket
from abc import ABC, abstractmethod
from contextlib import suppress
from struct import pack

from netdoctor.kernel.conversation import Ping
from netdoctor.probe.mark import MOST, TOKEN, Mark
from netdoctor.probe.message import echo

IP_MTU_DISCOVER, IPV6_MTU_DISCOVER = 10, 23
PMTUDISC_DONT, PMTUDISC_DO = 0, 2
ICMP_FILTER, ICMP6_FILTER = 1, 1
SOL_RAW = 255
TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ = 19, 20, 21
TCP_SEND_QUEUE = 2
#: Out of repair without a window probe (TCP_REPAIR_OFF_NO_WP).
REPAIR_OFF = -1
ECHO_REPLY, ECHO_REPLY_V6 = 0, 129
#: ping(8) connects a socket to this port to learn its source address.
_PING_PORT = 1025


class NotAllowed(Exception):
    """This user may not open the sockets that a probe needs."""


class Sender(ABC):
    """Sends the probes of one question. Make it with `open_sender`, inside the namespace of the source.

    The sockets stay in that namespace; all methods may be called from anywhere. No method but the constructor raises
    OSError: what the kernel refuses is an outcome.
    """

    def __init__(self, ping: Ping, mark: Mark) -> None:
        self.ping = ping
        self.mark = mark
        self.sent = 0
        #: Numbers of the probes that were answered.
        self.answered: set[int] = set()
        #: What the kernel refused, as the name of an errno: ENETUNREACH, ECONNREFUSED …
        self.refused: str | None = None

    @property
    def six(self) -> bool:
        """Whether the probe is an IPv6 packet."""
        return ":" in self.ping.address

    @property
    def port(self) -> int:
        """The source port of datagrams, in host order; 0 for what is known by other marks."""
        return 0

    def send(self) -> bool:
        """Send the next probe; False where the kernel refuses, or a handful has been sent."""
        if self.sent >= MOST:
            return False
        try:
            self._send(self.sent)
        except OSError as error:
            self.refused = errno.errorcode.get(error.errno or 0, str(error.errno))
            return False
        self.sent += 1
        return True

    @abstractmethod
    def _send(self, number: int) -> None:
        """Send probe `number`. Raises OSError."""

    @abstractmethod
    def filenos(self) -> list[tuple[int, int]]:
        """Return the descriptors to wait for, each with its epoll events; more come with each connection."""

    @abstractmethod
    def heard(self) -> None:
        """Take in what has come back, without waiting: fills `answered` and `refused`."""

    @abstractmethod
    def close(self) -> None:
        """Close the sockets; a connection that stands is reset."""


def open_sender(ping: Ping, mark: Mark) -> Sender:
    """Open the sockets for `ping`, in the network namespace that the thread is in.

    Raises OSError as ping(8) fails, NotAllowed without privilege.
    """
    if ping.proto == "icmp":
        return EchoSender(ping, mark)
    return Connector(ping, mark) if ping.proto == "tcp" else DatagramSender(ping, mark)


def _family(ping: Ping) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in ping.address else socket.AF_INET


def _prepared(ping: Ping, kind: socket.SocketKind, proto: int = 0) -> socket.socket:
    """Return a socket with source address and don't-fragment as asked, not connected."""
    try:
        sock = socket.socket(_family(ping), kind | socket.SOCK_NONBLOCK, proto)
    except PermissionError as error:
        raise NotAllowed(f"a socket of type {kind.name}") from error
    try:
        if kind != socket.SOCK_STREAM:
            six = sock.family == socket.AF_INET6
            level, option = (
                (socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER) if six else (socket.IPPROTO_IP, IP_MTU_DISCOVER)
            )
            sock.setsockopt(level, option, PMTUDISC_DO if ping.df else PMTUDISC_DONT)
        if ping.source is not None:
            sock.bind((ping.source, 0))
    except OSError:
        sock.close()
        raise
    return sock


class EchoSender(Sender):
    """An echo request by a raw socket, as ping(8) sends it."""

    def __init__(self, ping: Ping, mark: Mark) -> None:
        super().__init__(ping, mark)
        if ping.source is None:
            with socket.socket(_family(ping), socket.SOCK_DGRAM) as first:
                first.connect((ping.address, _PING_PORT))  # where this is refused, ping(8) does not start
        proto = socket.IPPROTO_ICMPV6 if self.six else socket.IPPROTO_ICMP
        self._sock = _prepared(ping, socket.SOCK_RAW, proto)
        if self.six:
            wanted = bytearray(b"\xff" * 32)
            wanted[ECHO_REPLY_V6 // 8] &= ~(1 << ECHO_REPLY_V6 % 8) & 0xFF
            self._sock.setsockopt(socket.IPPROTO_ICMPV6, ICMP6_FILTER, bytes(wanted))
        else:
            self._sock.setsockopt(SOL_RAW, ICMP_FILTER, pack("=I", ~(1 << ECHO_REPLY) & 0xFFFFFFFF))

    def _send(self, number: int) -> None:
        message = echo(self.mark, number, self.ping.size, self.six)
        self._sock.sendto(message, (self.ping.address, 0))

    def filenos(self) -> list[tuple[int, int]]:
        """See Sender."""
        return [(self._sock.fileno(), select.EPOLLIN)]

    def heard(self) -> None:
        """See Sender."""
        while (data := _received(self, self._sock)) is not None:
            if not self.six:
                data = data[(data[0] & 15) * 4 :] if data else b""
            if len(data) < 8 or int.from_bytes(data[4:6], "big") != self.mark.ident:
                continue
            number = int.from_bytes(data[6:8], "big") - self.mark.first
            mine = self.mark.payload(min(self.ping.size, TOKEN))
            if 0 <= number < self.sent and data[8 : 8 + len(mine)] == mine:
                self.answered.add(number)

    def close(self) -> None:
        """See Sender."""
        self._sock.close()


class DatagramSender(Sender):
    """Datagrams from one connected socket: whatever its peer sends back is the answer."""

    def __init__(self, ping: Ping, mark: Mark) -> None:
        super().__init__(ping, mark)
        self._sock = _prepared(ping, socket.SOCK_DGRAM)
        try:
            self._sock.connect((ping.address, ping.port))
        except OSError:
            self._sock.close()
            raise
        self._port: int = self._sock.getsockname()[1]

    @property
    def port(self) -> int:
        """See Sender."""
        return self._port

    def _send(self, number: int) -> None:
        self._sock.send(self.mark.payload(self.ping.size))

    def filenos(self) -> list[tuple[int, int]]:
        """See Sender."""
        return [(self._sock.fileno(), select.EPOLLIN)]

    def heard(self) -> None:
        """See Sender."""
        while _received(self, self._sock) is not None:
            self.answered.add(len(self.answered))

    def close(self) -> None:
        """See Sender."""
        self._sock.close()


class Connector(Sender):
    """Connections, each with an initial sequence number of ours; the first that comes about is the answer."""

    def __init__(self, ping: Ping, mark: Mark) -> None:
        super().__init__(ping, mark)
        self._socks: list[socket.socket] = []
        try:
            for isn in mark.isns:  # all here: a socket made later would be one of another namespace
                self._socks.append(sock := _prepared(ping, socket.SOCK_STREAM))
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
                _begin_at(sock, isn)
        except (OSError, NotAllowed):
            self.close()
            raise

    def _send(self, number: int) -> None:
        status = self._socks[number].connect_ex((self.ping.address, self.ping.port))
        if status not in (0, errno.EINPROGRESS):
            raise OSError(status, os.strerror(status))

    def filenos(self) -> list[tuple[int, int]]:
        """See Sender."""
        return [(sock.fileno(), select.EPOLLOUT) for sock in self._socks[: self.sent]]

    def heard(self) -> None:
        """See Sender."""
        for number, sock in enumerate(self._socks[: self.sent]):
            poll = select.poll()
            poll.register(sock, select.POLLOUT)
            if number in self.answered or not poll.poll(0):
                continue
            status = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if status:
                self.refused = errno.errorcode.get(status, str(status))
            else:
                with suppress(OSError):  # reset since, after all
                    sock.getpeername()
                    self.answered.add(number)

    def close(self) -> None:
        """See Sender."""
        for sock in self._socks:
            sock.close()


def _begin_at(sock: socket.socket, isn: int) -> None:
    """Make `isn` the initial sequence number of a socket that is not yet connected (tcp(7) has no word of it)."""
    for option, value in (
        (TCP_REPAIR, 1),
        (TCP_REPAIR_QUEUE, TCP_SEND_QUEUE),
        (TCP_QUEUE_SEQ, isn),
        (TCP_REPAIR, REPAIR_OFF),
    ):
        try:
            sock.setsockopt(socket.IPPROTO_TCP, option, pack("=I", value & 0xFFFFFFFF))
        except PermissionError as error:
            raise NotAllowed("TCP_REPAIR") from error


def _received(sender: Sender, sock: socket.socket) -> bytes | None:
    """Return what waits in a socket, None where nothing does; a refusal that the network sent is noted."""
    for _ in range(2):  # a pending error is reported once, before the data
        try:
            return sock.recv(65535)
        except BlockingIOError:
            return None
        except OSError as error:
            sender.refused = errno.errorcode.get(error.errno or 0, str(error.errno))
    return None
