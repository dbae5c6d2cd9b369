"""The fuzzing of `make fuzz`, for two minutes; each time with other examples."""

from __future__ import annotations

import os
import time

from tests.fuzz.run import fuzz


def test_nothing_read_or_walked_raises() -> None:
    assert fuzz(float(os.environ.get("NETDOCTOR_FUZZ_SECONDS", "120")), time.time_ns()) > 0
