"""One question to an engine over its unix socket, as HTTP/1.0 (RFC 1945): the answer ends where the connection does."""

from __future__ import annotations

import socket
import time

#: What an engine that hangs may cost a diagnosis, in seconds.
PATIENCE = 2.0


class EngineError(OSError):
    """The engine did not answer as one."""


class Inquiry:
    """A question that an engine has been asked. Raises OSError where it cannot be reached.

    http.client would read the answer as well; importing it costs more than the whole conversation.
    """

    def __init__(self, path: str, resource: str, patience: float = PATIENCE) -> None:
        self._deadline = time.monotonic() + patience
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            self._connection.settimeout(patience)
            self._connection.connect(path)
            self._connection.sendall(f"GET {resource} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        except OSError:
            self._connection.close()
            raise

    def answer(self, limit: int) -> bytes:
        """Wait for the answer and return its body, of `limit` bytes at most. Raises OSError."""
        with self._connection:
            return _body(_received(self._connection, limit, self._deadline))


def get(path: str, resource: str, limit: int) -> bytes:
    """Return what the engine at the socket `path` answers for `resource`. Raises OSError."""
    return Inquiry(path, resource).answer(limit)


def _received(connection: socket.socket, limit: int, deadline: float) -> bytes:
    parts: list[bytes] = []
    length = 0
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise EngineError("it did not answer in time")
        connection.settimeout(left)
        part = connection.recv(1 << 20)
        if not part:
            return b"".join(parts)
        length += len(part)
        if length > limit:
            raise EngineError("its answer does not end")
        parts.append(part)


def _body(answer: bytes) -> bytes:
    head, separator, body = answer.partition(b"\r\n\r\n")
    status = head.split(b"\r\n", 1)[0].split()
    if not separator or len(status) < 2 or not status[0].startswith(b"HTTP/"):
        raise EngineError("what it answered is no HTTP")
    if status[1] != b"200":
        raise EngineError(f"it answered {status[1][:3].decode('ascii', 'replace')}")
    return body
