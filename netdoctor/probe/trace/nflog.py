"""Group 0 of NFLOG: where the trace of legacy tables comes out once `nf_log` says so (nfnetlink_log.c)."""

from __future__ import annotations

import socket
import struct

from netdoctor.collect.netlink import HEADER, NLM_F_REQUEST, attribute, split
from netdoctor.probe.trace.nftables import acknowledged

_CONFIG = 4 << 8 | 1
_ACK = 0x4
_COMMAND, _MODE, _THRESHOLD = 1, 2, 5
_BIND = b"\1"
_COPY_PACKET = 2
#: Headers, with those of a packet that VXLAN carries.
_COPIED = 192


def bind(sock: socket.socket) -> None:
    """Take group 0 of the socket's namespace. Raises OSError: EBUSY or EPERM where another listener has it."""
    _configure(sock, attribute(_COMMAND, _BIND))
    mode = attribute(_MODE, struct.pack("!IBB", _COPIED, _COPY_PACKET, 0))
    # One packet a message, so that its place among the other events is kept.
    _configure(sock, mode + attribute(_THRESHOLD, struct.pack("!I", 1)))


def _configure(sock: socket.socket, body: bytes) -> None:
    head = struct.pack("!BBH", socket.AF_INET, 0, 0)
    sock.send(HEADER.pack(20 + len(body), _CONFIG, NLM_F_REQUEST | _ACK, 0, 0) + head + body)
    for answer in split(sock.recv(1 << 16)):
        acknowledged(answer)
