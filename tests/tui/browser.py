"""Chromium without a window, led by its DevTools protocol: one page, its keys, and what its web socket receives."""

from __future__ import annotations

import asyncio
import base64
import itertools
import re
import shutil
import tempfile
from types import TracebackType
from typing import Any

import aiohttp
import pyte

#: Names under which distributions install it.
CHROMIUM = next((name for name in ("chromium", "chromium-browser", "google-chrome") if shutil.which(name)), None)
#: Columns and lines that no window of the size that headless Chromium has is given.
LARGEST = 240, 90
_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-port=0")


class Page:
    """A page in a Chromium of its own; an asynchronous context manager."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="netdoctor-chromium-", ignore_cleanup_errors=True)
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._screen = pyte.Screen(*LARGEST)
        self._stream = pyte.ByteStream(self._screen)
        #: Addresses that the page asked for.
        self.asked: list[str] = []
        #: The HTTP status of the page itself.
        self.status = 0

    async def __aenter__(self) -> Page:
        assert CHROMIUM is not None
        self._process = await asyncio.create_subprocess_exec(
            CHROMIUM,
            *_FLAGS,
            f"--user-data-dir={self._folder.name}",
            "about:blank",
            stderr=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
        )
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            if found := re.search(rb"DevTools listening on ws://([^/]+)/", line):
                break
        else:
            raise AssertionError("chromium does not start")
        self._drained = asyncio.create_task(self._process.stderr.read())
        self._session = aiohttp.ClientSession()
        async with self._session.get(f"http://{found[1].decode()}/json") as response:
            pages = [one for one in await response.json() if one["type"] == "page"]
        self._socket = await self._session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=1 << 26)
        self._reader = asyncio.create_task(self._read())
        await self.call("Network.enable")
        await self.call("Page.enable")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.cancel()
        await self._session.close()
        self._process.terminate()
        await self._process.wait()
        await self._drained
        self._folder.cleanup()

    async def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        number = next(self._numbers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        return await self._answers[number]

    async def open(self, url: str) -> None:
        """Go to an address."""
        await self.call("Page.navigate", url=url)

    async def press(self, key: str) -> None:
        """Press a letter."""
        await self.call("Runtime.evaluate", expression="document.querySelector('#terminal textarea').focus()")
        await self.call("Input.dispatchKeyEvent", type="keyDown", text=key, key=key, windowsVirtualKeyCode=ord(key))
        await self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    async def wait(self, wanted: str, patience: float = 60.0) -> None:
        """Wait until the terminal in the page shows something. Raises AssertionError."""
        for _ in range(int(patience * 20)):
            if wanted in self.text:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"waited for {wanted!r}:\n{self.text}")

    @property
    def text(self) -> str:
        """What the terminal in the page shows."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    async def _read(self) -> None:
        async for message in self._socket:
            said = message.json()
            parameters = said.get("params", {})
            if "id" in said:
                self._answers.pop(said["id"]).set_result(said.get("result", {}))
            elif said["method"] == "Network.requestWillBeSent":
                self.asked.append(parameters["request"]["url"])
            elif said["method"] == "Network.responseReceived" and parameters["type"] == "Document":
                self.status = parameters["response"]["status"]
            elif said["method"] == "Network.webSocketFrameReceived":
                frame = parameters["response"]
                if frame["opcode"] == 2:
                    self._stream.feed(base64.b64decode(frame["payloadData"]))
