"""Endpoints by the names of containers, pods and Services."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from netdoctor.collection import host_of_all, load_all
from netdoctor.endpoints import Request, resolve
from netdoctor.errors import Undecidable, UsageError
from netdoctor.facts.containers import Container
from netdoctor.facts.firewall import FirewallText
from netdoctor.facts.host import Missing, NamespaceFacts, NamespaceId
from netdoctor.facts.links import IFF_UP, Link
from netdoctor.facts.processes import Process
from netdoctor.facts.records import AF_INET, Address
from netdoctor.facts.sockets import Socket
from netdoctor.facts.tables import TableHost
from netdoctor.redact.redaction import Redaction
from netdoctor.snapshot import save, snapshot_host, take

WEB, SIDE, RUN, APP = (digit * 64 for digit in "1234")
CNI = "cni-5fb8c1de-0d0c-4c7e-8f1f-0123456789ab"


def space(inode: int, *containers: Container, names: tuple[str, ...] = (), host: bool = False) -> NamespaceFacts:
    known = NamespaceId(inode, names, tuple(f"/run/netns/{name}" for name in names), (), host, containers)
    address = Address(2, AF_INET, f"10.0.0.{inode}", 24, f"10.0.0.{inode}")
    return NamespaceFacts(known, (Link(2, "eth0", IFF_UP, 1500),), (address,))


SPACES = (
    space(1, Container("docker", "agent", "9" * 64), host=True),
    space(2, Container("docker", "web", WEB), Container("docker", "side", SIDE)),
    space(3, Container("podman", "web", "5" * 64)),
    space(4, Container("cri", "", RUN, "shop/db-0"), Container("cri", "pg", APP, "shop/db-0"), names=(CNI,)),
    space(5, Container("cri", "pg", "6" * 64, "test/db-0")),
    space(6, Container("docker", "blue-1", "7" * 64), names=("blue",)),
    space(7, Container("lxc", "box")),
)
STOPPED = (
    Container("docker", "idle", "a" * 64, state="exited"),
    Container("cri", "pg", "b" * 64, "shop/db-0", "exited"),
    Container("podman", "unseen", "c" * 64),
    Container("nspawn", "box", state="stopped"),
)
HOST = TableHost("node", SPACES, (), STOPPED)


def ask(source: str, destination: str = "host", host: TableHost = HOST) -> Any:
    return resolve(host, Request(source, destination)).source


@pytest.mark.parametrize(
    ("given", "inode", "kind", "name"),
    [
        ("docker:web", 2, "docker", "web"),
        ("podman:web", 3, "podman", "web"),
        ("side", 2, "docker", "side"),
        ("2" * 12, 2, "docker", "side"),
        ("docker:222222", 2, "docker", "side"),
        ("shop/db-0", 4, "pod", "shop/db-0"),
        ("pod:shop/db-0", 4, "pod", "shop/db-0"),
        ("cri:shop/db-0/pg", 4, "cri", "shop/db-0/pg"),
        ("cri:test/db-0/pg", 5, "cri", "test/db-0/pg"),
        (CNI, 4, "netns", CNI),
        ("blue", 6, "netns", "blue"),
        ("blue-1", 6, "docker", "blue-1"),
        ("docker:blue-1@node", 6, "docker", "blue-1"),
        ("lxc:box", 7, "lxc", "box"),
    ],
)
def test_every_form(given: str, inode: int, kind: str, name: str) -> None:
    end = ask(given)
    assert (end.inode, end.kind, end.name, end.given) == (inode, kind, name, given)


def test_a_container_on_the_hosts_network_says_so() -> None:
    end = ask("agent", "docker:web")
    assert (end.inode, end.note) == (1, "agent is in the host's own network namespace")
    assert ask("side").note == "side shares its network namespace with web"


def test_labels_are_what_people_say() -> None:
    assert [facts.id.label for facts in SPACES] == ["host", "web", "web", "shop/db-0", "test/db-0", "blue", "box"]
    assert NamespaceId(9, (CNI,)).label == CNI
    assert NamespaceId(9, purpose="an overlay network").label == "an overlay network"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("web", "web is the name of several containers: docker:web, podman:web"),
        ("pg", "pg is the name of several containers: cri:shop/db-0/pg, cri:test/db-0/pg"),
        ("db-0", "db-0 is the name of several containers: pod:shop/db-0, pod:test/db-0"),
        ("box", "box is the name of several containers: lxc:box, nspawn:box (stopped)"),
        ("idle", "idle: the Docker container idle is stopped (exited): it has no network namespace; start it"),
        ("nspawn:box", "the systemd-nspawn container box is stopped: it has"),
        ("docker:wbe", "nothing here is called docker:wbe; did you mean docker:web"),
        ("docker:box", "nothing here is called docker:box"),
        ("bleu", "did you mean blue"),
        ("22222", "nothing here is called 22222"),
        ("docker:", "nothing here is called docker:"),
        ("web@node", "docker:web, podman:web"),
    ],
)
def test_what_cannot_be_meant_is_said(given: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        ask(given)
    assert said in str(caught.value)


def test_the_containers_of_one_namespace_are_no_two_ends() -> None:
    with pytest.raises(UsageError, match="side and docker:web are the same namespace"):
        ask("side", "docker:web")


def test_a_running_container_that_cannot_be_seen_is_undecidable() -> None:
    with pytest.raises(Undecidable, match="podman container unseen is running, and its network namespace cannot be"):
        ask("unseen")


def test_who_could_not_be_asked_is_said_beside_an_unknown_name() -> None:
    missing = (Missing("the names of Docker's containers", "/run/docker.sock: Permission denied", "be root"),)
    with pytest.raises(UsageError, match="Docker's containers could not be read"):
        ask("docker:x", host=TableHost("node", SPACES[4:5], missing))
    with pytest.raises(UsageError) as caught:
        ask("lxc:x", host=TableHost("node", SPACES[4:5], missing))
    assert "Docker" not in str(caught.value)


def test_two_hosts_with_the_same_containers(tmp_path: Any) -> None:
    for name in ("one", "two"):
        save(take(TableHost(name, SPACES, (), STOPPED), "6.1"), tmp_path / f"{name}.json")
    joined: Any = host_of_all(load_all([str(tmp_path)]))
    end = ask("docker:side@two", "docker:web@one", joined)
    assert (end.kind, end.name) == ("docker", "side@two")
    with pytest.raises(UsageError, match="several containers: docker:side@one, docker:side@two"):
        ask("side", "docker:web@one", joined)
    with pytest.raises(UsageError, match="idle is stopped"):
        ask("idle@two", "docker:web@one", joined)


def test_names_are_redacted_alike_in_facts_questions_and_reports() -> None:
    snapshot = take(HOST, "6.1")
    redaction = Redaction(snapshot.namespaces, b"k" * 40, [snapshot.host])
    hidden = redaction.of(snapshot)
    for given in ("docker:blue-1", "2" * 12, "shop/db-0", CNI, "cri:test/db-0/pg", "blue-1"):
        source = resolve(HOST, Request(given, "host")).source
        there = resolve(snapshot_host(hidden), Request(redaction.prose(given), "host")).source
        assert there == redaction.of(source)
        assert there.given != given
    text = str(hidden)
    assert not [word for word in ("db-0", "shop", "2" * 12, CNI, "blue") if word in text]


def test_who_holds_a_socket_is_redacted_alike_in_facts_and_sentences() -> None:
    held = Process(7, "acmed", "/opt/acme/acmed --listen 10.0.0.2:8080 --token s3cr3t")
    facts = replace(SPACES[1], sockets=(Socket("tcp", AF_INET, "127.0.0.1", 80, holder=held),))
    redaction = Redaction((facts,), b"k" * 40)
    [hidden] = redaction.of(facts).sockets or ()
    assert hidden.holder is not None

    def said(process: Process) -> str:
        return f"held by pid {process.pid} ({process.name}), started as `{process.command}`."

    assert redaction.prose(said(held)) == said(hidden.holder)
    assert not [word for word in ("acme", "s3cr3t", "10.0.0.2") if word in said(hidden.holder)]


RULES = """\
*nat
-A KUBE-SERVICES -d 10.96.0.10/32 -p udp -m comment --comment "kube-system/dns:dns cluster IP" -m udp --dport 53 -j X
-A KUBE-SERVICES -d 10.96.0.10/32 -p tcp -m comment --comment "kube-system/dns:tcp cluster IP" -m tcp --dport 53 -j X
[3:180] -A KUBE-SERVICES -d 10.96.0.7/32 -p tcp -m comment --comment "shop/web cluster IP" -m tcp --dport 80 -j KUBE-SVC
-A KUBE-SERVICES -d 192.0.2.7/32 -p tcp -m comment --comment "shop/web external IP" -m tcp --dport 80 -j KUBE-EXT
"""
NONE = """\
*filter
-A KUBE-SERVICES -d 10.96.0.8/32 -p tcp -m comment --comment "shop/api:http has no endpoints" --dport 80 -j REJECT
"""
MAPS = [
    [{"concat": ["10.96.0.10", "udp", 53]}, {"goto": {"target": "service-AAAA-kube-system/dns/udp/dns"}}],
    [{"concat": ["10.96.0.10", "tcp", 53]}, {"goto": {"target": "service-BBBB-kube-system/dns/tcp/tcp"}}],
    [{"concat": ["10.96.0.7", "tcp", 80]}, {"goto": {"target": "service-CCCC-shop/web/tcp/"}}],
]
EMPTY = [[{"elem": {"val": {"concat": ["10.96.0.8", "tcp", 80]}, "comment": "shop/api:http"}}, {"drop": None}]]


def native(**maps: Any) -> str:
    return json.dumps({"nftables": [{"map": {"name": name.replace("_", "-"), "elem": e}} for name, e in maps.items()]})


TABLES = {
    "iptables": (
        FirewallText("legacy", "ip", "iptables-legacy-save", "nat", RULES),
        FirewallText("nft", "ip", "iptables-nft-save", "filter", NONE),
    ),
    "nftables": (
        FirewallText("nft", "ip", "nft", "kube-proxy", native(service_ips=MAPS, no_endpoint_services=EMPTY)),
    ),
}


def cluster(mode: str) -> TableHost:
    return TableHost("node", (replace(SPACES[0], firewall=TABLES[mode]), *SPACES[1:]))


@pytest.mark.parametrize("mode", TABLES)
def test_a_service_by_its_name(mode: str) -> None:
    def asked(given: str, **more: Any) -> Any:
        return resolve(cluster(mode), Request("side", given, **more)).destination

    for given, address in (
        ("svc:kube-system/dns", "10.96.0.10"),
        ("svc:kube-system/dns:dns", "10.96.0.10"),
        ("svc:shop/web:80", "10.96.0.7"),
        ("svc:shop/api@node", "10.96.0.8"),
    ):
        end = asked(given)
        assert (end.kind, end.address, end.inode, end.given) == ("service", address, None, given)
        assert end.name == given.removeprefix("svc:").partition(":")[0].partition("@")[0]
    assert asked("svc:kube-system/dns:dns", protocol="udp", port=53).address == "10.96.0.10"
    for given, said, more in (
        ("svc:shop/web:https", "this Service has no port https; it has 80/tcp", {}),
        ("svc:shop/wbe", "no rule of kube-proxy names this Service; there are: svc:shop/web", {}),
        ("svc:web", "a Service is given as svc:NAMESPACE/NAME", {}),
        ("svc:shop/web:80", "is asked with --tcp 80, not with --udp 53", {"protocol": "udp", "port": 53}),
    ):
        with pytest.raises(UsageError) as caught:
            asked(given, **more)
        assert said in str(caught.value)


def test_without_rules_of_kube_proxy_no_service_is_known() -> None:
    with pytest.raises(UsageError, match="no rules of kube-proxy"):
        ask("side", "svc:shop/web")
