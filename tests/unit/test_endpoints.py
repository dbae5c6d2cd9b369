from __future__ import annotations

import pytest

from netdoctor.endpoints import Request, resolve
from netdoctor.errors import Undecidable, UsageError
from netdoctor.facts.host import Missing, Namespace, NamespaceFacts, NamespaceId
from netdoctor.facts.links import IFF_LOOPBACK, IFF_UP, Link
from netdoctor.facts.processes import Process
from netdoctor.facts.records import AF_INET, AF_INET6, Address
from netdoctor.facts.tables import TableHost
from netdoctor.question import Question


def facts(ns_id: NamespaceId, *interfaces: tuple[str, str], down: tuple[str, ...] = ()) -> NamespaceFacts:
    """A namespace with lo and the given (interface, address/prefix) pairs."""
    links = [Link(1, "lo", IFF_UP | IFF_LOOPBACK, 65536)]
    addresses = [Address(1, AF_INET, "127.0.0.1", 8, scope=254), Address(1, AF_INET6, "::1", 128, scope=254)]
    for name, text in interfaces:
        known = [link.index for link in links if link.name == name]
        index = known[0] if known else len(links) + 1
        if not known:
            links.append(Link(index, name, 0 if name in down else IFF_UP, 1500))
        local, _, prefixlen = text.partition("/")
        family = AF_INET6 if ":" in local else AF_INET
        addresses.append(
            Address(index, family, local, int(prefixlen), scope=253 if local.startswith("fe80") else 0)
        )
    return NamespaceFacts(ns_id, tuple(links), tuple(addresses))


def named(name: str, inode: int, *interfaces: tuple[str, str], down: tuple[str, ...] = ()) -> NamespaceFacts:
    return facts(NamespaceId(inode, (name,), (f"/run/netns/{name}",)), *interfaces, down=down)


HOST = TableHost(
    "node-1",
    (
        facts(
            NamespaceId(1, is_host=True, processes=(Process(1, "init"),)),
            ("eth0", "192.0.2.1/24"),
            ("br0", "10.0.0.254/24"),
        ),
        named("pod-a", 2, ("eth0", "10.0.0.1/24"), ("eth0", "fd00::1/64"), ("eth0", "fe80::1/64")),
        named("pod-b", 3, ("net1", "172.16.0.2/16"), ("eth0", "10.0.0.2/24"), ("eth0", "fe80::2/64")),
        named("bare", 4),
        named("six", 5, ("eth0", "fe80::5/64"), ("eth0", "fd00::5/64")),
        named("downed", 6, ("eth0", "10.9.0.6/24"), ("eth1", "10.8.0.6/24"), down=("eth0",)),
        named("link-local", 7, ("eth0", "fe80::7/64")),
        facts(
            NamespaceId(8, processes=(Process(4711, "nginx"), Process(4712, "nginx"))),
            ("eth0", "10.0.0.8/24"),
        ),
        facts(NamespaceId(9, ("twin",), ("/run/netns/twin",)), ("eth0", "10.0.0.77/24")),
        facts(NamespaceId(10, ("twin",), ("/run/docker/netns/twin",)), ("eth0", "10.0.0.77/24")),
    ),
)


def ask(source: str, destination: str, **options: object) -> Question:
    return resolve(HOST, Request(source, destination, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "inode", "kind", "name"),
    [
        ("pod-a", 2, "netns", "pod-a"),
        ("netns:pod-a", 2, "netns", "pod-a"),
        ("netns:/run/netns/pod-a", 2, "netns", "pod-a"),
        ("netns:/var/run/netns/pod-a", 2, "netns", "pod-a"),
        ("netns:/run/docker/netns/twin", 10, "netns", "twin"),
        ("netns:8", 8, "netns", "pid 4711 (nginx)"),
        ("netns:/proc/4712/ns/net", 8, "pid", "pid 4712 (nginx)"),
        ("pid:4712", 8, "pid", "pid 4712 (nginx)"),
        ("host", 1, "host", "host"),
        ("pid:1", 1, "pid", "host"),
        ("pod-a@node-1", 2, "netns", "pod-a"),
        ("pid:4711@node-1", 8, "pid", "pid 4711 (nginx)"),
        ("10.0.0.1", 2, "address", "pod-a"),
    ],
)
def test_every_form_of_source(given: str, inode: int, kind: str, name: str) -> None:
    source = ask(given, "pod-b").source
    assert (source.inode, source.kind, source.name, source.given) == (inode, kind, name, given)
    assert source.address is None


@pytest.mark.parametrize(
    ("source", "destination", "message"),
    [
        ("pod-x", "pod-b", "nothing here is called pod-x; did you mean pod-"),
        (
            "pod-a",
            "zzz",
            "nothing here is called zzz; there are: bare, downed, link-local, pod-a, pod-b and 2 more",
        ),
        (
            "twin",
            "pod-b",
            "twin is the name of several namespaces: netns:/run/docker/netns/twin, netns:/run/netns/twin",
        ),
        ("pod-a", "pod-a", "are the same namespace"),
        ("pod-a", "netns:/run/netns/pod-a", "are the same namespace"),
        ("10.0.0.1", "10.0.0.1", "are the same namespace"),
        ("10.7.7.7", "pod-b", "no namespace here owns the source address 10.7.7.7"),
        ("10.0.0.77", "pod-b", "several namespaces own the source address 10.0.0.77: netns:/run/"),
        ("pid:99", "pod-b", "there is no process 99 here"),
        ("pid:x", "pod-b", "a process is given as pid:N"),
        ("netns:", "pod-b", "a namespace is given as"),
        ("docker:web", "pod-b", "nothing here is called docker:web: no Docker container was found"),
        ("pod:default/web", "pod-b", "nothing here is called pod:default/web: no pod was found"),
        ("svc:default/web", "pod-b", "a Service sends nothing"),
        ("pod-a@node-2", "pod-b", "there is no host node-2 here, only node-1"),
        ("", "pod-b", "nothing here is called"),
    ],
)
def test_what_cannot_be_resolved_is_one_line(source: str, destination: str, message: str) -> None:
    with pytest.raises(UsageError, match=r".") as caught:
        ask(source, destination)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_host_without_names_says_what_to_give_instead() -> None:
    with pytest.raises(UsageError, match="no namespace here has a name; use pid:N"):
        resolve(TableHost("empty", ()), Request("a", "b"))
    with pytest.raises(UsageError, match="not visible here"):
        resolve(TableHost("empty", ()), Request("host", "b"))


def test_of_several_addresses_the_shared_network_wins() -> None:
    destination = ask("pod-a", "pod-b").destination
    assert (destination.address, destination.interface) == ("10.0.0.2", "eth0")
    assert (
        destination.note == "10.0.0.2 was taken of 2 addresses: the one on a network shared with the source"
    )
    assert ask("pod-a", "host").destination.address == "10.0.0.254"


def test_without_a_shared_network_the_first_on_an_interface_that_is_up() -> None:
    destination = ask("pod-a", "downed").destination
    assert (destination.address, destination.interface) == ("10.8.0.6", "eth1")
    assert destination.note == "10.8.0.6 was taken of 2 addresses: the first"


def test_a_single_address_needs_no_note() -> None:
    assert ask("pod-b", "pod-a").destination.note is None


def test_the_family_follows_the_destination() -> None:
    assert ask("pod-a", "pod-b").family == AF_INET
    assert ask("pod-b", "six").family == AF_INET6
    assert ask("pod-a", "six").destination.address == "fd00::5"
    assert ask("pod-a", "link-local").family == AF_INET
    assert ask("pod-a", "fd00::5").family == AF_INET6
    assert ask("pod-b", "pod-a", family=AF_INET6).destination.address == "fd00::1"


def test_a_destination_without_an_address_is_an_answer_not_an_error() -> None:
    destination = ask("pod-a", "bare").destination
    assert (destination.inode, destination.address) == (4, None)
    assert destination.note == "no IPv4 address was found"
    assert ask("pod-a", "six", family=AF_INET).destination.address is None


def test_an_address_as_destination_is_that_address_whoever_owns_it() -> None:
    owned = ask("pod-a", "172.16.0.2").destination
    assert (owned.inode, owned.address, owned.interface, owned.name) == (
        3,
        "172.16.0.2",
        "net1",
        "172.16.0.2",
    )
    nobody = ask("pod-a", "8.8.8.8").destination
    assert (nobody.inode, nobody.address, nobody.note) == (
        None,
        "8.8.8.8",
        "no namespace visible here owns this address",
    )
    several = ask("pod-a", "10.0.0.77").destination
    assert (several.inode, several.note) == (None, "several namespaces own this address: twin, twin")
    assert ask("pod-a", "127.0.0.1").destination.inode == 2
    assert ask("pod-a", "fe80::9%eth0").destination.interface == "eth0"


def test_one_of_its_own_addresses_may_be_pinged() -> None:
    assert ask("pod-a", "10.0.0.1").destination.inode == 2


def test_an_address_as_source_says_so_where_the_kernel_may_choose_another() -> None:
    assert ask("10.0.0.1", "pod-b").source.note is None
    assert "--from 10.0.0.2 fixes it" in str(ask("10.0.0.2", "pod-a").source.note)


def test_from_fixes_the_source_address() -> None:
    source = ask("pod-b", "pod-a", from_address="172.16.0.2").source
    assert (source.address, source.interface) == ("172.16.0.2", "net1")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"from_address": "10.0.0.9"}, "--from 10.0.0.9: pod-b does not own this address"),
        ({"from_address": "eth0"}, "--from eth0: not an address"),
        ({"from_address": "fe80::2", "family": AF_INET}, "--from fe80::2: the question is about IPv4"),
    ],
)
def test_from_must_be_an_address_of_the_source(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        ask("pod-b", "pod-a", **options)
    assert str(caught.value) == message


def test_a_family_that_the_destination_address_is_not_of() -> None:
    with pytest.raises(UsageError, match=r"10\.0\.0\.2 is no IPv6 address"):
        ask("pod-a", "10.0.0.2", family=AF_INET6)


def test_size_and_df_are_passed_on() -> None:
    question = ask("pod-a", "pod-b", size=1400, df=True)
    assert (question.size, question.df) == (1400, True)


def test_this_machine_is_asked_for_what_no_list_holds() -> None:
    known = {"/proc/99/ns/net": 8, "/somewhere/else": 3}
    request = Request("pid:99", "netns:/somewhere/else")
    question = resolve(HOST, request, known.get)
    assert (question.source.inode, question.source.name) == (8, "pid 99")
    assert (question.destination.inode, question.destination.name) == (3, "pod-b")


def test_a_process_that_may_not_be_looked_at_is_undecidable() -> None:
    def denied(path: str) -> int | None:
        raise PermissionError(path)

    with pytest.raises(Undecidable, match="no permission to look at /proc/1/ns/net; run netdoctor as root"):
        resolve(HOST, Request("pid:1", "pod-b"), denied)


class Closed(TableHost):
    """A host whose namespaces may be seen and not entered."""

    def namespace(self, inode: int) -> Namespace | None:
        return None


def test_a_namespace_that_may_not_be_read_is_resolved_without_address() -> None:
    missing = (Missing("other network namespaces", "no permission", "run as root"),)
    closed = Closed("node-1", tuple(HOST.namespace(n).facts() for n in (2, 3)), missing)  # type: ignore[union-attr]
    question = resolve(closed, Request("pod-a", "pod-b", from_address="10.0.0.1"))
    assert (question.source.address, question.destination.address) == ("10.0.0.1", None)
    assert question.destination.note == "its addresses could not be read"
    with pytest.raises(UsageError, match="not every namespace could be read"):
        resolve(closed, Request("10.0.0.1", "pod-b"))
