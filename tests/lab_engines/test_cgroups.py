"""When a machine's own control groups serve an engine."""

from __future__ import annotations

import pytest

from .cgroups import mounted


@pytest.mark.parametrize(
    ("line", "serves"),
    [
        ("25 20 0:22 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw", True),
        ("30 25 0:26 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices", True),
        ("30 25 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw", False),
        ("30 25 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory", False),
        ("20 1 0:20 / /sys rw,nosuid - sysfs sysfs rw", False),
    ],
)
def test_what_is_mounted(line: str, serves: bool) -> None:
    assert mounted(f"1 0 8:1 / / rw - ext4 /dev/root rw\n{line}\n") == serves
