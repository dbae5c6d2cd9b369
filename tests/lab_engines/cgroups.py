"""Control groups for an engine on a machine that has mounted none (no systemd, no cgroupfs-mount), and only for it."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = "/sys/fs/cgroup"

#: Runs a command in a mount namespace of its own in which version 2 is mounted; the machine's /sys is left alone.
#: What is mounted below a shared folder there is seen outside as well: an engine's namespaces have to be.
OWN = (
    *("unshare", "--mount", "--propagation", "unchanged", "sh", "-c"),
    f'mount --make-rprivate /sys && mount -t cgroup2 cgroup2 {ROOT} && exec "$@"',
    "sh",
)


def prefix() -> tuple[str, ...]:
    """What goes before an engine's command, so that it has control groups: nothing where the machine has them."""
    return () if mounted(Path("/proc/self/mountinfo").read_text(encoding="utf-8")) else OWN


def mounted(mountinfo: str) -> bool:
    """Tell whether an engine can work with what is mounted: version 2 at its usual place, or devices of version 1."""
    for line in mountinfo.splitlines():
        place, (kind, _, options) = line.split()[4], line.partition(" - ")[2].split()[:3]
        if (kind, place) == ("cgroup2", ROOT) or (kind == "cgroup" and "devices" in options.split(",")):
            return True
    return False


def share(folder: Path) -> None:
    """Let what an engine mounts below a folder be seen here, though the engine has mounts of its own."""
    if prefix():
        subprocess.run(("mount", "--bind", folder, folder), check=True)
        subprocess.run(("mount", "--make-shared", folder), check=True)
