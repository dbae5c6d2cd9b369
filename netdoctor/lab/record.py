"""Recordings: the snapshot of each fixture as the kernel built it, kept beside the fixtures and replayed without root.

`python -m netdoctor.lab.record [PATTERN]` builds the fixtures whose `network/fault` matches the shell pattern, takes a
snapshot of the lab's own namespaces just before the question would be asked, and writes it. Nothing of the machine is
in it: no other namespace, no process, no host name, no inode.
"""

from __future__ import annotations

import argparse
import gzip
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import msgspec
from msgspec.structs import astuple, replace

from netdoctor.endpoints import Request
from netdoctor.errors import NetdoctorError, UsageError
from netdoctor.facts.host import Host, NamespaceFacts, NamespaceId
from netdoctor.facts.processes import Process
from netdoctor.facts.sockets import Socket
from netdoctor.lab.fixtures import PACKAGE, load_faults, load_networks
from netdoctor.lab.lab import Lab
from netdoctor.lab.netns import FOLDER
from netdoctor.lab.records import Fault
from netdoctor.snapshot import Snapshot, decode, take

#: Recording builds under names of its own, beside a lab that somebody may have standing and beside another recording.
BUILD_PREFIX = f"ndrec{os.getpid()}-"
SUFFIX = ".json.gz"
#: A recording has no date: made again from the same facts it is the same file.
TIMELESS = "1970-01-01T00:00:00Z"

_RELEASE = re.compile(r"\d+(\.\d+)*")


class LabHost:
    """A `Host` that shows of another only the namespaces of one lab, under the names that a user's lab has."""

    name = "lab"
    missing = ()
    unplaced = ()

    def __init__(self, host: Host, names: Mapping[str, str]) -> None:
        self._names = names
        found = {name: known.inode for known in host.namespaces() for name in known.names if name in names}
        self._inodes = [found[name] for name in names]
        self.namespace = host.namespace

    def namespaces(self) -> tuple[NamespaceId, ...]:
        """See `Host.namespaces`; in the order of the network's roles."""
        return tuple(NamespaceId(inode) for inode in self._inodes)

    def anonymous(self, facts: Iterable[NamespaceFacts]) -> tuple[NamespaceFacts, ...]:
        """Return the facts with the lab's usual names and with numbers from 1 on in the place of inodes."""
        numbers = {inode: number for number, inode in enumerate(self._inodes, start=1)}
        shown = list(self._names.values())
        return tuple(_anonymous(entry, numbers, shown[numbers[entry.id.inode] - 1]) for entry in facts)


def _anonymous(facts: NamespaceFacts, numbers: Mapping[int, int], name: str) -> NamespaceFacts:
    known = _daemons(facts)
    return replace(
        facts,
        readers=tuple(replace(one, process=known[one.process.pid]) for one in facts.readers),
        id=NamespaceId(numbers[facts.id.inode], (name,), (str(FOLDER / name),)),
        # Tables that the kernel keeps by a hash with a random seed; of one lladdr the order stays as it was.
        neighbours=tuple(sorted(facts.neighbours, key=lambda entry: (entry.ifindex, entry.dst))),
        fdb=tuple(sorted(facts.fdb, key=lambda entry: (entry.ifindex, entry.lladdr))),
        sockets=tuple(sorted((_nameless(item, known) for item in facts.sockets or ()), key=_socket_order)),
        connections=None if facts.connections is None else tuple(sorted(facts.connections, key=astuple)),
        nsids={nsid: numbers[inode] for nsid, inode in facts.nsids.items() if inode in numbers},
    )


def _daemons(facts: NamespaceFacts) -> dict[int, Process]:
    """The lab's own daemons behind TUN devices, with numbers of their own and without where they lie."""
    shown = {}
    for number, pid in enumerate(sorted({one.process.pid for one in facts.readers}), start=1000):
        words = next(one.process.command or "" for one in facts.readers if one.process.pid == pid)
        shown[pid] = Process(number, "tunneld", f"tunneld {words.partition('tunneld.py tunnel ')[2]}")
    return shown


def _nameless(item: Socket, known: Mapping[int, Process]) -> Socket:
    """A socket without what identifies it on this machine; who holds it is told of the lab's daemons alone."""
    held = known.get(item.holder.pid) if item.holder is not None else None
    return replace(item, inode=0, holder=held)


def _socket_order(item: Socket) -> tuple[object, ...]:
    return item.proto, item.port, item.family, item.address, item.ifindex


def record(fault: Fault, prefix: str = BUILD_PREFIX) -> Snapshot:
    """Build the fixture for real, and return the snapshot of its namespaces. Needs root. Raises LabError."""
    with Lab(load_networks()[fault.network], prefix) as lab:
        lab.inject(fault)
        return observe(lab)


def observe(lab: Lab) -> Snapshot:
    """Return the snapshot of the namespaces of a lab that stands."""
    from netdoctor.collect.live import LiveHost

    shown = Lab(lab.network)
    names = {lab.namespace(role): shown.namespace(role) for role in lab.network.roles}
    with LiveHost() as live:
        host = LabHost(live, names)
        taken = take(host)
        release = _RELEASE.match(taken.kernel)
        return replace(
            taken,
            created=TIMELESS,
            kernel=release[0] if release else "unknown",
            namespaces=host.anonymous(taken.namespaces),
        )


def request(fault: Fault) -> Request:
    """Return the fixture's question, in the names of its recording."""
    lab, asking = Lab(load_networks()[fault.network]), fault.asking
    destination = f"netns:{lab.namespace(asking.destination)}" if asking.by_name else asking.address
    size = 0 if asking.protocol == "tcp" else 56 if asking.size is None else asking.size
    source = f"netns:{lab.namespace(asking.source)}"
    flow = (asking.protocol, asking.port, asking.source_port)
    return Request(source, destination, None, None, size, asking.df, *flow)


def names(fault: Fault) -> dict[str, str]:
    """Return the namespace names of the roles, as its recording has them."""
    lab = Lab(load_networks()[fault.network])
    return {role: lab.namespace(role) for role in lab.network.roles}


def recorded() -> dict[str, Traversable]:
    """Return the file of every recording there is, by the key of its fixture."""
    folder = files(PACKAGE) / "recordings"
    if not folder.is_dir():
        return {}
    return {
        f"{network.name}/{file.name.removesuffix(SUFFIX)}": file
        for network in folder.iterdir()
        if network.is_dir()
        for file in network.iterdir()
        if file.name.endswith(SUFFIX)
    }


def load_recording(key: str) -> Snapshot:
    """Return the recording of a fixture. Raises KeyError where there is none, SnapshotError for a damaged file."""
    return decode(gzip.decompress(recorded()[key].read_bytes()), key)


def write(snapshot: Snapshot, path: Path) -> None:
    """Write a recording: compact JSON, compressed without a time, so that the same facts give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(msgspec.json.encode(snapshot), compresslevel=9, mtime=0))


def recordings_folder() -> Path:
    """Return where the recordings lie in a checkout."""
    return Path(str(files(PACKAGE))) / "recordings"


def main(words: Sequence[str] | None = None) -> int:
    """Record the fixtures asked for; returns the exit code. Raises UsageError where the pattern matches none."""
    parser = argparse.ArgumentParser(prog="python -m netdoctor.lab.record", description=__doc__)
    parser.add_argument("pattern", nargs="?", default="*", metavar="PATTERN", help="e.g. 'vxlan/*'")
    parser.add_argument("--folder", type=Path, default=None, help="where to write")
    parser.add_argument("--missing", action="store_true", help="only those that have no recording yet")
    args = parser.parse_args(words)
    folder = args.folder or recordings_folder()
    for fault in _chosen(args.pattern, recorded() if args.missing else ()):
        write(record(fault), folder / fault.network / f"{fault.name}{SUFFIX}")
        print(fault.key, flush=True)
    return 0


def _chosen(pattern: str, have: Iterable[str]) -> Iterator[Fault]:
    left_out = set(have)
    faults = load_faults()
    if not any(fnmatchcase(key, pattern) for key in faults):
        raise UsageError(f"no fixture matches {pattern}")
    return (fault for key, fault in faults.items() if fnmatchcase(key, pattern) and key not in left_out)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except NetdoctorError as error:
        print(f"record: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
