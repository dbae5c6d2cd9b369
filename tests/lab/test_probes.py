"""The last place where the taps see a packet is the place that was named; on what works they see the answer.

A sample of the fixtures, the same each time: each network's healthy state, and every twelfth of its faults.
"""

from __future__ import annotations

import pytest

from netdoctor.lab import Fault, load_faults
from tests.lab import choice
from tests.lab.probes import Row, rows

EVERY = 12
AT_ONCE = 4


def _sample() -> list[Fault]:
    faults = list(load_faults().values())
    return [fault for number, fault in enumerate(faults) if fault.kind == "healthy" or not number % EVERY]


@pytest.fixture(scope="module")
def tried(kernel: None) -> dict[str, Row]:
    possible = [fault for fault in _sample() if choice.wanted(fault) and not choice.lacking(fault)]
    return {row.key: row for row in rows(possible, AT_ONCE)}


@pytest.mark.parametrize("key", [fault.key for fault in _sample()])
def test_the_packet_is_last_seen_where_it_was_said_to_end(key: str, tried: dict[str, Row]) -> None:
    row = tried[key]
    assert not row.problems, (row.problems, row.report.probe)
