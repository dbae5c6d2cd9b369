"""The faults of the lab that need device kinds which this machine's kernel has not: tried, or recorded, in the guest.

``python -m tests.vm faults [PYTEST OPTION…]`` runs the lab's tests on them; ``python -m tests.vm record [PATTERN…]``
writes their recordings.
"""

from __future__ import annotations

import os
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from netdoctor.lab import kinds, load_faults, record
from tests.lab import choice

LAB = Path(__file__).resolve().parents[1] / "lab"
#: Diagnosis and mending, the kernel's own judgement, facts after the fixes, real packets.
TESTS = ("test_faults.py", "test_truth.py", "test_fix_facts.py", "test_probes.py")


def absent_here() -> tuple[str, ...]:
    """The kinds that the lab's faults need and this kernel has not. Needs root."""
    return kinds.absent({kind for needed in _needed().values() for kind in needed})


def chosen(absent: list[str], patterns: list[str]) -> list[str]:
    """The faults that need one of those kinds, by their keys, and match one of the shell patterns if there are any."""
    keys = [key for key, needed in _needed().items() if needed & set(absent)]
    return [key for key in keys if not patterns or any(fnmatchcase(key, each) for each in patterns)]


def _needed() -> dict[str, frozenset[str]]:
    return {key: choice.needed(fault) for key, fault in load_faults().items()}


def main(action: str, absent: list[str], words: list[str]) -> int:
    """Runs in the guest: whose kernel must have what the host's has not."""
    if unknown := kinds.absent(absent):
        print(f"tests.vm: the guest's kernel has no {', '.join(unknown)} devices either", file=sys.stderr)
        return 2
    if action == "record":
        for key in chosen(absent, words):
            record.main([key])
        return 0
    os.environ[choice.ONLY_KINDS] = ",".join(absent)
    tests = [str(LAB / name) for name in TESTS]
    # The guest sees the file system read-only: nothing is kept from one run to the next.
    return int(pytest.main(["-p", "no:cacheprovider", "--quiet", *words, *tests]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2].split(","), sys.argv[3:]))
