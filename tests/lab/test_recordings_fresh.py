"""The recordings are what the kernel does: a sample of the fixtures, built anew, gives the same diagnosis.

The sample is chosen by a hash of the name, so it stays the same from run to run and moves with nothing else.
"""

from __future__ import annotations

import os
import zlib

import pytest

from netdoctor.diagnosis import diagnose
from netdoctor.endpoints import resolve
from netdoctor.lab import Fault, load_faults
from netdoctor.lab.record import load_recording, record, request
from netdoctor.snapshot import Snapshot, snapshot_host

#: One fixture in so many.
SPARSE = 6

SAMPLE = [key for key in load_faults() if zlib.crc32(key.encode()) % SPARSE == 0]


@pytest.mark.parametrize("key", SAMPLE)
def test_the_kernel_still_does_this(kernel: None, key: str) -> None:
    fault = load_faults()[key]
    fresh = record(fault, f"ndrec{os.getpid()}-")
    assert said(fault, fresh) == said(fault, load_recording(key))


def said(fault: Fault, snapshot: Snapshot) -> list[tuple[object, ...]]:
    """The verdict, and the code, leg and place of every cause."""
    host = snapshot_host(snapshot)
    report = diagnose(host, resolve(host, request(fault)))
    places = [(cause.code, cause.leg, cause.location) for cause in report.causes]
    return [(report.verdict,), *places]
