"""A fix changes the facts in memory as its commands change the kernel: a sample of the fixtures, mended both ways.

The commands of the report are run, a snapshot is taken, and what is there is held against the facts with the fixes laid
over them. Left out is what the kernel alone decides: ifindexes, counters of promiscuity, what it learns by itself.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from netdoctor.assemble import cause_part
from netdoctor.diagnosis import diagnose
from netdoctor.endpoints import resolve
from netdoctor.facts.host import Host, NamespaceFacts
from netdoctor.facts.links import IFF_NOARP, IFF_UP
from netdoctor.fix.change import Change, applied
from netdoctor.kernel.endings import Ending
from netdoctor.lab import Fault, Lab, load_faults, load_networks
from netdoctor.lab.record import observe, request
from netdoctor.report import Cause
from netdoctor.snapshot import snapshot_host

#: One fixture in so many.
SPARSE = 6
SAMPLE = [
    key
    for key, fault in load_faults().items()
    if fault.kind in ("broken", "composite")
    and fault.accept_repair
    and zlib.crc32(key.encode()) % SPARSE == 0
]


@pytest.mark.parametrize("key", SAMPLE)
def test_commands_do_what_the_facts_say(kernel: None, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fault, prefix = load_faults()[key], f"ndrec{os.getpid()}-"
    with Lab(load_networks()[fault.network], prefix) as lab:
        lab.inject(fault)
        host = snapshot_host(observe(lab))
        changes, commands = fixes(host, fault, monkeypatch)
        for argv in commands:
            # The snapshot has the names of a user's lab.
            lab.run([word.replace(f"nd-{fault.network}", f"{prefix}{fault.network}") for word in argv])
        lab.settle()
        mended = snapshot_host(observe(lab))
    predicted = applied(host, tuple(changes))
    for known in mended.namespaces():
        there, meant = mended.namespace(known.inode), predicted.namespace(known.inode)
        assert there is not None
        assert meant is not None
        assert set(shown(meant.facts())) == set(shown(there.facts())), known.label


def fixes(host: Host, fault: Fault, patch: pytest.MonkeyPatch) -> tuple[list[Change], list[tuple[str, ...]]]:
    """The changes of all fixes of the diagnosis, and their commands."""
    changes: list[Change] = []

    def kept(host: Host, check: Any, finding: Any, ending: Ending | None, verified: bool | None) -> Cause:
        if ending is not None and finding.fix is not None:
            changes.extend(finding.fix.changes)
        return cause_part(host, check, finding, ending, verified)

    patch.setattr("netdoctor.diagnosis.cause_part", kept)
    report = diagnose(host, resolve(host, request(fault)))
    return changes, [argv for cause in report.causes if cause.fix for argv in cause.fix.commands]


def shown(facts: NamespaceFacts) -> Iterator[tuple[object, ...]]:
    """What can be held against another snapshot, with names in the place of ifindexes."""
    name = {link.index: link.name for link in facts.links}
    for link in facts.links:
        up, noarp = bool(link.flags & IFF_UP), bool(link.flags & IFF_NOARP)
        # A bridge without a lladdr of its own takes that of a port (br_stp_recalculate_bridge_id()).
        lladdr = link.address if link.kind != "bridge" else None
        yield (
            "link",
            link.name,
            up,
            noarp,
            link.mtu,
            lladdr,
            name.get(link.master or 0),
            link.port,
            link.macvlan,
        )
        if link.vxlan is not None:
            yield "vxlan", link.name, link.vxlan.vni, link.vxlan.port, link.vxlan.local, link.vxlan.learning
    for ifa in facts.addresses:
        if ifa.family == 2:
            yield "address", name[ifa.ifindex], ifa.local, ifa.prefixlen, ifa.scope
    for route in facts.routes:
        hops = tuple((name.get(hop.oif or 0), hop.gateway, hop.weight) for hop in route.nexthops)
        if route.family == 2:
            # Of an own address only the kernel knows which other one is the primary.
            src = route.prefsrc if route.type != "local" else None
            yield "route", route.table, route.type, route.dst, route.prefixlen, route.priority, hops, src
    for rule in facts.rules:
        yield ("rule", rule)
    for entry in facts.neighbours:
        if entry.state == "PERMANENT" and entry.family == 2:
            yield "neighbour", name[entry.ifindex], entry.dst, entry.lladdr
    for remote in facts.fdb:
        if remote.dst is not None and remote.static:
            yield "remote", name[remote.ifindex], remote.lladdr, remote.dst, remote.port, remote.vni
