"""The parcel: an archive of the modules that take a snapshot, and the few words that run it from memory.

The other host needs Python 3.11 or later and nothing else. The archive goes over stdin into a file in memory
(memfd_create(2)), from which Python imports as from any archive; no file is written there.
"""

from __future__ import annotations

import importlib.util
import io
import shlex
import zipfile
from collections.abc import Iterator
from pathlib import Path

import netdoctor

#: What of this package is sent, below its folder.
OURS = ("__init__.py", "document.py", "errors.py", "snapshot.py", "facts", "collect", "remote")
#: Tried on the other host, in this order.
PYTHONS = ("python3", "python3.14", "python3.13", "python3.12", "python3.11", "/usr/local/bin/python3")

_START = (
    'import os,sys;f=os.memfd_create("netdoctor");o=open(f,"wb",closefd=False);o.write(sys.stdin.buffer.read());'
    'o.flush();sys.path.insert(0,"/proc/self/fd/%d"%f);from netdoctor.remote.there import main;main()'
)
_FIND = (
    "for p in {pythons}; do "
    '"$p" -c "import sys;sys.exit(sys.version_info<(3,11))" 2>/dev/null </dev/null && exec "$p" -I -B -c {start}; '
    "done; echo {sorry} >&2; exit 69"
)


def command() -> str:
    """The command line for the other host's shell; it reads the parcel from stdin."""
    script = _FIND.format(
        pythons=" ".join(PYTHONS),
        start=shlex.quote(_START),
        sorry=shlex.quote("no Python 3.11 or later there"),
    )
    return f"exec sh -c {shlex.quote(script)}"


def pack() -> bytes:
    """Return the archive: our own modules, pyroute2's, and the records in msgspec's place."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, source in _modules():
            archive.writestr(name, source)
    return buffer.getvalue()


def _modules() -> Iterator[tuple[str, bytes]]:
    root = Path(netdoctor.__file__).parent
    for part in OURS:
        yield from _python(root / part, root.parent)
    spec = importlib.util.find_spec("pyroute2")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("pyroute2")
    package = Path(spec.origin).parent
    yield from _python(package, package.parent)
    yield "msgspec/__init__.py", (root / "remote" / "records.py").read_bytes()
    for name in ("structs", "json"):
        yield f"msgspec/{name}.py", f"from msgspec import {name} as _m\nglobals().update(vars(_m))\n".encode()


def _python(path: Path, base: Path) -> Iterator[tuple[str, bytes]]:
    for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
        yield str(file.relative_to(base)), file.read_bytes()
