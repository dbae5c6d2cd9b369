"""How the tests are dealt out to the processes that run them side by side (pytest-xdist), and what those start with."""

from __future__ import annotations

import signal
import zlib
from typing import Any

import pytest

#: Files with a test for every fixture: each test builds a network of its own, so any may run beside any.
DEALT = ("tests/lab/test_faults.py", "tests/lab/test_truth.py", "tests/lab/test_recordings_fresh.py")
#: In so many lots; with fewer, the last process would work alone at the end.
LOTS = 16

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's job in the background ignores it, and so would all that the tests start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """What is in one file runs in turn, for some files look at what is left behind in the system; but for `DEALT`."""
    from xdist.scheduler import LoadFileScheduling

    class Lots(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file = str(super()._split_scope(nodeid))
            return f"{file} {zlib.crc32(nodeid.encode()) % LOTS}" if file in DEALT else file

    return Lots(config, log)
