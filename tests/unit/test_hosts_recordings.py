"""Every recording of a network of several machines, cut into one snapshot each, and asked as they would be together.

The wire between the machines is in no snapshot. The verdict, the codes and the places have to be those of the whole
recording, save where the answer hangs on the switch, or on who else is on the wire: those are listed, with what is said
instead.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
import pytest

from netdoctor.diagnosis import diagnose
from netdoctor.endpoints import resolve
from netdoctor.facts.fleet import Fleet, Member
from netdoctor.lab import Fault, load_faults
from netdoctor.lab.expectation import differences
from netdoctor.lab.fixtures import load_networks
from netdoctor.lab.record import load_recording, names, request
from netdoctor.report import Report
from netdoctor.snapshot import Snapshot, snapshot_host
from tests.split import homes, machines, split

#: What asks stands in the switch, which no snapshot is of.
ASKED_IN_SWITCH = {"kube-proxy/masquerade-mark-lost", "kube-proxy/node-port-not-masqueraded"}
FAULTS = {
    key: fault
    for key, fault in load_faults().items()
    if len(machines(load_networks()[fault.network])) > 1 and key not in ASKED_IN_SWITCH
}

#: The fault is in the switch, which drops something: the wire is assumed to carry it.
DROPPED_BY_SWITCH = {
    "calico-ipip/switch-drops-protocol-4",
    "flannel-udp/switch-drops-port-8285",
    "host-gw/switch-drops",
    "host-gw/switch-ports-isolated",
    "macvlan/switch-locked-port",
    "macvlan/switch-no-unicast-flood",
    "macvlan/switch-sticky-entry",
    "vxlan/switch-drops-vxlan",
    "vxlan-l2/group-filtered",
}
#: The fault is in the switch, and the machine behind it notices: its NIC has no carrier.
SEEN_BEHIND_SWITCH = {
    "host-gw/switch-port-down": ("LNK002", "n2"),
    "macvlan/switch-port-down": ("LNK002", "x"),
    "vxlan/underlay-switch-port-down": ("LNK002", "n2"),
    "bond/switch-ports-down": ("LNK015", "a"),
}
#: Whether a switch sends a frame back to where it came from is the switch's affair.
REFLECTED = {"macvlan/mode-vepa": "10.9.0.3", "macvlan/vepa-with-hairpin": "10.9.0.3"}
#: The same of an answer to ARP, which says nothing of whom to ask.
ANSWER_REFLECTED = {"ipvlan/vepa", "ipvlan/vepa-with-hairpin"}
#: The next hop is an address that none of the machines has: who else is on the wire is not known.
NOBODY_S = {
    "calico-ipip/reply-route-missing": "192.168.50.254",
    "calico-ipip/tunnel-down-at-source": "192.168.50.254",
    "docker-28/snat-wrong-address": "192.168.50.77",
    "docker-like/snat-wrong-address": "192.168.50.77",
    "host-gw/nexthop-nobody": "192.168.50.9",
    "host-gw/node-address-lost": "192.168.50.2",
    "host-gw/reply-nexthop-nobody": "192.168.50.9",
    "host-gw/reply-source-table": "192.168.50.254",
    "host-gw/snat-to-old-node-address": "192.168.50.77",
    "ipvlan-l3/node-parent-without-address": "10.11.0.1",
    "kube-proxy/composite-shadowed-and-loopback": "192.168.50.254",
    "kube-proxy/output-not-called": "192.168.50.254",
    "kube-proxy/service-shadowed": "192.168.50.254",
    "kube-proxy/services-not-called": "192.168.50.254",
    "kube-proxy/stale-udp-flow-untranslated": "192.168.50.254",
}
#: The first cause is as in the whole recording; what lies behind it is in the switch, or on a wire of which
#: nothing tells: that of a NIC that had neither address nor master.
FIRST_ONLY = {"macvlan/composite-parent-down-and-switch", "bond/no-slaves"}
ELSEWHERE = {
    *DROPPED_BY_SWITCH, *SEEN_BEHIND_SWITCH, *REFLECTED, *ANSWER_REFLECTED, *NOBODY_S, *FIRST_ONLY
}  # fmt: skip


@cache
def parts(key: str) -> dict[str, Snapshot]:
    network = load_networks()[FAULTS[key].network]
    home = homes(network, load_recording(f"{network.name}/healthy"))
    return split(network, load_recording(key), home)


@cache
def asked(key: str) -> Report:
    fleet = Fleet(Member(role, part.namespaces) for role, part in parts(key).items())
    return diagnose(fleet, resolve(fleet, request(FAULTS[key])))


def first(report: Report, fault: Fault) -> tuple[str, str | None]:
    cause = report.causes[0]
    roles = {name: role for role, name in names(fault).items()}
    return cause.code, roles[cause.location.namespace.name] if cause.location.namespace else None


def test_the_list_is_of_fixtures() -> None:
    assert set(FAULTS) >= ELSEWHERE
    assert len(FAULTS) > 300


@pytest.mark.parametrize("key", sorted(set(FAULTS) - ELSEWHERE))
def test_the_hosts_together_say_what_the_whole_says(key: str) -> None:
    report = asked(key)
    problems = differences(FAULTS[key].expect, msgspec.to_builtins(report), names(FAULTS[key]))
    assert not problems, "\n".join(problems)
    assert not report.crashed


@pytest.mark.parametrize("key", sorted(DROPPED_BY_SWITCH))
def test_a_wire_that_is_assumed_is_said_to_be(key: str) -> None:
    report = asked(key)
    assert report.verdict == "reachable"
    assert {edge.state for edge in report.path.edges if edge.kind == "wire"} == {"assumed"}


@pytest.mark.parametrize(("key", "found"), SEEN_BEHIND_SWITCH.items())
def test_a_dead_switch_port_shows_at_the_machine_behind_it(key: str, found: tuple[str, str]) -> None:
    assert first(asked(key), FAULTS[key]) == found


@pytest.mark.parametrize(("key", "address"), [*NOBODY_S.items(), *REFLECTED.items()])
def test_who_decides_is_named(key: str, address: str) -> None:
    report = asked(key)
    assert report.verdict == "unknown"
    assert address in report.missing[-1].what
    assert address in report.missing[-1].how_to_get_it


@pytest.mark.parametrize("key", sorted(ANSWER_REFLECTED))
def test_an_answer_that_a_switch_may_send_back_is_not_called_lost(key: str) -> None:
    report = asked(key)
    assert report.verdict == "unknown"
    assert "snapshot" in report.missing[-1].how_to_get_it


@pytest.mark.parametrize("key", sorted(FIRST_ONLY))
def test_the_first_cause_is_named(key: str) -> None:
    assert asked(key).causes[0].code in FAULTS[key].expect.causes[0].codes


@pytest.mark.parametrize("key", sorted(FAULTS))
def test_places_are_on_their_hosts_and_commands_run_there(key: str) -> None:
    home = homes(load_networks()[FAULTS[key].network], load_recording(f"{FAULTS[key].network}/healthy"))
    on = {names(FAULTS[key])[role]: machine for role, machine in home.items()}
    report = asked(key)
    for node in report.path.nodes:
        assert node.host == on[node.namespace.name]
    for cause in report.causes:
        assert cause.location.host is not None
        lines = [proof.command for proof in cause.evidence] + list(cause.fix.commands if cause.fix else ())
        for line in lines:
            assert not line[0].startswith("@")
            where = line[1] if line[0] == "ssh" else cause.location.host
            words = " ".join(line[2:] if line[0] == "ssh" else line).replace("/run/netns/", " ").split()
            assert {on[word] for word in words if word in on} <= {where}, line


@pytest.mark.parametrize("key", sorted(FAULTS))
def test_one_host_alone_claims_nothing_that_the_whole_denies(key: str) -> None:
    """The snapshot of the source's host only: what it calls unreachable is; else it says whose snapshot decides."""
    fault = FAULTS[key]
    network = load_networks()[fault.network]
    home = homes(network, load_recording(f"{network.name}/healthy"))
    if home[fault.asking.source] == home.get(fault.asking.destination):
        return
    host = snapshot_host(parts(key)[home[fault.asking.source]])
    request_ = msgspec.structs.replace(request(fault), destination=fault.asking.address)
    report = diagnose(host, resolve(host, request_))
    assert report.verdict in ("unknown", fault.expect.verdict)
    assert report.verdict != "reachable"
    if report.verdict == "unknown":
        assert any("snapshot" in part.how_to_get_it for part in report.missing), report.missing
    else:
        assert report.causes
        assert not report.crashed


def test_the_wire_is_an_edge_between_two_nodes() -> None:
    report: Any = msgspec.to_builtins(asked("vxlan/healthy"))
    nodes = {node["id"]: node for node in report["path"]["nodes"]}
    wires = [
        edge for edge in report["path"]["edges"] if edge["kind"] == "wire" and edge["state"] == "assumed"
    ]
    ends = {(nodes[edge["source"]]["host"], nodes[edge["target"]]["host"]) for edge in wires}
    assert {("n1", "n2"), ("n2", "n1")} <= ends
    assert "192.168.50.0/24" in wires[0]["label"]
