"""The view in a browser: on the loopback, for who has the key, and gone with the browser or the server."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import aiohttp
import pytest

from netdoctor.errors import UsageError
from netdoctor_tui.serve import address
from tests.tui.browser import CHROMIUM, Page
from tests.tui.driving import report_of

KEY = "vxlan/fdb-missing"
PATIENCE = 60.0


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from netdoctor.render.json import render_json

    file = tmp_path_factory.mktemp("served") / "report.json"
    file.write_text(render_json(report_of(KEY)), encoding="utf-8")
    return file


@contextmanager
def served(*words: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Serve the view on a free port; yields its address with the key, and the process."""
    command = (sys.executable, "-m", "netdoctor", "tui", "--serve", "--listen", "127.0.0.1:0", *words)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None, process.stderr.read() if process.stderr else ""
        yield found[0], process
    finally:
        process.terminate()
        process.communicate()


def views_of(process: subprocess.Popen[str]) -> list[int]:
    """The processes that a server has started."""
    with suppress(FileNotFoundError):
        return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    return []


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (make browser)")
def test_a_browser_shows_what_a_terminal_shows_and_ends_the_view_with_its_window(saved: Path) -> None:
    async def look(url: str, process: subprocess.Popen[str]) -> None:
        async with Page() as page:
            await page.open(url)
            await page.wait("UNREACHABLE")
            await page.wait("VXL001")
            assert len(views_of(process)) == 1
            await page.press("5")
            await page.wait("[5 explain]")
            elsewhere = [one for one in page.asked if not one.startswith(("http://127.0.0.1:", "ws://", "data:"))]
            assert [one for one in elsewhere if "fonts.googleapis.com" not in one] == []

    with served(str(saved)) as (url, process):
        asyncio.run(look(url, process))
        gone(lambda: not views_of(process))


def gone(done: object) -> None:
    """Wait until something is over."""
    assert callable(done)
    until = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_nobody_is_let_in_without_the_key_or_from_elsewhere(saved: Path) -> None:
    async def ask(url: str, **headers: str) -> int:
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
            return response.status

    with served(str(saved)) as (url, _):
        plain = url.partition("?")[0]
        assert asyncio.run(ask(url)) == 200
        assert asyncio.run(ask(plain)) == 403
        assert asyncio.run(ask(f"{plain}ws")) == 403
        assert asyncio.run(ask(f"{plain}?key=guessed")) == 403
        assert asyncio.run(ask(url, Origin="http://elsewhere.example")) == 403
        assert asyncio.run(ask(url, Host="elsewhere.example:80")) == 403


def test_the_views_end_with_a_server_that_is_killed(saved: Path) -> None:
    async def look(url: str, process: subprocess.Popen[str]) -> None:
        async with aiohttp.ClientSession() as session:
            async with session.get(url):
                pass
            async with session.ws_connect(url.replace("http", "ws").replace("/?", "/ws?")) as socket:
                await socket.receive()
                views = views_of(process)
                assert len(views) == 1
                process.send_signal(signal.SIGKILL)
                for _ in range(int(PATIENCE * 20)):
                    if not any(os.path.exists(f"/proc/{pid}") for pid in views):
                        return
                    await asyncio.sleep(0.05)
                raise AssertionError("the view goes on without its server")

    with served(str(saved)) as (url, process):
        asyncio.run(look(url, process))


@pytest.mark.parametrize(
    "given", ["0.0.0.0:8000", "192.0.2.1:80", "[::]:80", "node-1:80", "127.0.0.1", "127.0.0.1:70000", ":8"]
)
def test_other_addresses_than_the_loopbacks_are_refused(given: str) -> None:
    with pytest.raises(UsageError):
        address(given)


@pytest.mark.parametrize(
    ("given", "read"),
    [("localhost:1", ("127.0.0.1", 1)), ("[::1]:2", ("::1", 2)), ("127.1.2.3:4", ("127.1.2.3", 4))],
)
def test_addresses_of_the_loopback_are_read(given: str, read: tuple[str, int]) -> None:
    assert address(given) == read


def test_what_is_served_is_read_only(saved: Path) -> None:
    command = (sys.executable, "-m", "netdoctor", "tui", "--serve", "--allow-system-changes", str(saved))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "read only" in done.stderr
