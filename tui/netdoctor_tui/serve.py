"""The same view in a browser on this machine (textual-serve): for a node behind a bastion, by `ssh -L`.

Whoever is on this machine can open a port of its loopback, and so can every page in a browser there. So a key that is
told on the terminal alone has to come with the first request, a cookie with all others, and no page of elsewhere is
answered. Each browser window runs a process of its own, which ends with it.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import os
import secrets
import shlex
import sys
from collections.abc import Awaitable, Callable, Sequence
from importlib.util import find_spec
from typing import Any

from netdoctor.errors import UsageError

#: Where it listens unless told otherwise.
DEFAULT = "127.0.0.1:8000"
#: What textual-serve has its processes draw with.
DRIVER = "textual.drivers.web_driver:WebDriver"
_PR_SET_PDEATHSIG, _SIGTERM = 1, 15

Handler = Callable[[Any], Awaitable[Any]]


def address(text: str) -> tuple[str, int]:
    """Read ADDRESS:PORT. Raises UsageError for what is none, or no address of the loopback."""
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit() and 0 <= int(port) <= 65535):
        raise UsageError(f"not of the form ADDRESS:PORT: {text}")
    host = "127.0.0.1" if host == "localhost" else host.strip("[]")
    try:
        if ipaddress.ip_address(host).is_loopback:
            return host, int(port)
    except ValueError:
        raise UsageError(f"not an address: {host}") from None
    raise UsageError(f"{host} is no loopback address; the view is served there only: reach it by `ssh -L {port}:…`")


def in_browser() -> bool:
    """Tell whether this process draws for a browser."""
    return os.environ.get("TEXTUAL_DRIVER") == DRIVER


def end_with_parent() -> None:
    """Have the kernel end this process when the server that started it has ended, in whatever way (prctl(2))."""
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _SIGTERM)


def serve(words: Sequence[str], host: str, port: int) -> None:
    """Serve `netdoctor tui` with these words until interrupted. Raises UsageError where that cannot be done."""
    if find_spec("textual_serve") is None:
        raise UsageError("serving the view needs textual-serve: pip install 'netdoctor[serve]'")
    command = shlex.join((sys.executable, "-m", "netdoctor", "tui", *words))
    try:
        asyncio.run(_run(_server(f"exec {command}", host, port), host, port))
    except OSError as error:
        raise UsageError(f"cannot listen at {host}:{port}: {error.strerror or error}") from error


async def _run(server: Any, host: str, port: int) -> None:
    from aiohttp import web

    # a window's process is told to end, and waited for, when its connection is cut
    runner = web.AppRunner(await server._make_app(), shutdown_timeout=0.5, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        where = f"[{host}]" if ":" in host else host
        taken = runner.addresses[0][1]
        print(f"netdoctor: open http://{where}:{taken}/?key={server.key} (Ctrl-C ends it)", flush=True)
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def _server(command: str, host: str, port: int) -> Any:
    """Make the server; its class is made here because textual-serve may not be installed."""
    from aiohttp import web
    from textual_serve.server import Server

    def guarded(guard: Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]) -> Any:
        @web.middleware
        async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await guard(request, handler)

        return middleware

    class Guarded(Server):
        """A textual-serve that answers only who has the key, under the name by which it was reached."""

        def __init__(self) -> None:
            super().__init__(command, host, port, title="netdoctor")
            self.key = secrets.token_urlsafe(24)

        async def _make_app(self) -> web.Application:
            app = await super()._make_app()
            app.middlewares.append(guarded(self.guard))
            return app

        async def on_startup(self, app: web.Application) -> None:
            """Say nothing: the address is told with its key."""

        async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
            """Let in who has the key; and nothing that a page of elsewhere asks for."""
            origin = request.headers.get("Origin")
            if not _is_loopback(request.host) or origin not in (None, f"http://{request.host}"):
                raise web.HTTPForbidden(text="netdoctor: reach it by a loopback address")
            name = f"netdoctor-{self.port}"
            given = request.query.get("key") or request.cookies.get(name, "")
            if not hmac.compare_digest(given.encode(), self.key.encode()):
                raise web.HTTPForbidden(text="netdoctor: open the address that the terminal shows, with its key")
            self.public_url = f"http://{request.host}"
            response: web.StreamResponse = await handler(request)
            if not response.prepared:
                response.set_cookie(name, self.key, httponly=True, samesite="Strict")
                response.headers["Referrer-Policy"] = "no-referrer"
                response.headers["Content-Security-Policy"] = _POLICY
            return response

    return Guarded()


#: The page of textual-serve asks for a font of another site; that it works without.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self' ws://localhost:* ws://127.0.0.1:* ws://[::1]:*; frame-ancestors 'none'"
)


def _is_loopback(host: str) -> bool:
    """Tell whether a request was made to the loopback: another name may have been made to lead here."""
    name = host.rsplit(":", 1)[0].strip("[]") if not host.endswith("]") else host.strip("[]")
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
