"""Boot Debian's stock kernel over this machine's own file system and run ``tests.vm.inside`` or ``faults`` in it.

The guest sees the file system read-only and has namespaces of its own: nothing it does reaches this machine. It is
emulated in software where there is no KVM, which is some ten times slower than the machine itself.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from netdoctor.lab.record import recordings_folder
from tests.vm import faults
from tests.vm.inside import options

ROOT = Path(__file__).resolve().parents[2]
KERNELS = "vmlinuz-*-amd64"
#: Seconds until a guest is taken for hung; the faults of the lab take half an hour in an emulated one.
TIME_LIMIT = 7200


def kernel() -> Path | None:
    """The newest generic kernel; the cloud flavour lacks the 9p file system."""
    found = [path for path in Path("/boot").glob(KERNELS) if "cloud" not in path.name]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def missing() -> list[str]:
    """What has to be installed before a guest can be booted."""
    programs = {
        "qemu-system-x86_64": "qemu-system-x86",
        "busybox": "busybox-static",
        "modprobe": "kmod",
        "wg": "wireguard-tools",
    }
    packages = [package for program, package in programs.items() if shutil.which(program) is None]
    packages += [] if kernel() else ["linux-image-amd64"]
    return packages


def command(module: str, words: list[str], writable: Path | None = None) -> list[str]:
    """The command that boots the guest and runs the module in it; one folder may be writable there."""
    inner = shlex.join([sys.executable, "-m", module, *words])
    return [
        "vng", "--force-9p", "--run", str(kernel()), "--disable-kvm", "--disable-microvm",
        "--memory", "1G", "--cpus", "2", "--user", "root", *([f"--rwdir={writable}"] if writable else []),
        "--", f"cd {shlex.quote(str(ROOT))} && {inner}",
    ]  # fmt: skip


def wanted(words: list[str]) -> list[str] | None:
    """The command for the words of the command line; None where there is nothing to do."""
    if words[:1] not in (["faults"], ["record"]):
        options()
        return command("tests.vm.inside", words)
    absent = faults.absent_here()
    if not absent:
        print("tests.vm: this kernel has every device kind of the lab: `make test` runs all faults", file=sys.stderr)
        return None
    writable = recordings_folder() if words[0] == "record" else None
    return command("tests.vm.faults", [words[0], ",".join(absent), *words[1:]], writable)


def main() -> int:
    guest = wanted(sys.argv[1:])
    if guest is None:
        return 0
    lacking = missing()
    if lacking:
        print(f"tests.vm needs these packages: {' '.join(lacking)}", file=sys.stderr)
        return 2
    # vng starts virtme-run, which lies beside it.
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    if shutil.which("vng", path=path) is None:
        print("tests.vm needs virtme-ng: pip install virtme-ng", file=sys.stderr)
        return 2
    environment = {**os.environ, "PATH": path}
    done = subprocess.run(guest, stdin=subprocess.DEVNULL, env=environment, check=False, timeout=TIME_LIMIT)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
