"""From two words on the command line to the question that the twin is asked."""

from __future__ import annotations

import msgspec

from netdoctor.endpoints import addresses, services
from netdoctor.endpoints.hosts import narrowed
from netdoctor.endpoints.lookup import InodeAt, exact_form, find, nowhere
from netdoctor.errors import UsageError
from netdoctor.facts.host import Host, Namespace, NamespaceId
from netdoctor.facts.records import AF_INET, AF_INET6, Address
from netdoctor.question import End, Question

FAMILY_NAMES = {AF_INET: "IPv4", AF_INET6: "IPv6"}


class Request(msgspec.Struct, frozen=True):
    """What was asked, word for word. `family` is None where neither -4 nor -6 was given.

    `protocol` is icmp, or tcp or udp with a `port`; `source_port` is the sender's own where that is known.
    """

    source: str
    destination: str
    family: int | None = None
    from_address: str | None = None
    size: int = 56
    df: bool = False
    protocol: str = "icmp"
    port: int | None = None
    source_port: int | None = None


def resolve(host: Host, request: Request, inode_at: InodeAt = nowhere) -> Question:
    """Return the question to put to the twin about `host`; `inode_at` looks at its files, where it is this machine.

    Raises UsageError for an endpoint that is unknown, ambiguous or no endpoint, a source address that the source does
    not own, families that contradict each other, and two ends that are one; Undecidable for a process that may not
    be looked at. A destination without an address of the
    family is no error: its `address` is None, and that is the answer.
    """
    source = _source(host, request.source, inode_at)
    source_ns = _namespace(host, source)
    destination, given = _destination(host, request, source, inode_at)
    family = _family(host, request, destination, given)
    if given is None or given == addresses.parse(narrowed(host, request.source)[1]):
        _refuse_same(source, destination)
    if given is None:
        destination = _with_address(host, destination, source_ns, family)
    if request.from_address is not None:
        source = _fixed(source, source_ns, request.from_address, family)
    asked = (request.size, request.df, request.protocol, request.port, request.source_port)
    return Question(source, destination, family, *asked)


def _source(host: Host, given: str, inode_at: InodeAt) -> End:
    there, text = narrowed(host, given)
    address = addresses.parse(text)
    if address is None:
        return find(host, given, inode_at)
    found = addresses.owners(there, address.text)
    if not found:
        unseen = "; not every namespace could be read" if host.missing else ""
        raise UsageError(f"no namespace here owns the source address {given}{unseen}")
    if len(found) > 1:
        forms = ", ".join(sorted(exact_form(ns) for ns, _ in found))
        raise UsageError(f"several namespaces own the source address {given}: {forms}")
    owner, _ = found[0]
    note = _chosen_by_kernel(host, owner, address)
    return End(given=given, kind="address", name=owner.label, inode=owner.inode, note=note)


def _chosen_by_kernel(host: Host, owner: NamespaceId, given: addresses.Given) -> str | None:
    """Say that the address given as SRC only names the namespace, where that makes a difference."""
    namespace = host.namespace(owner.inode)
    if namespace is None or len(addresses.candidates(namespace, given.family)) < 2:
        return None
    return f"{given.text} names the namespace, and the kernel chooses the source address; --from {given.text} fixes it"


def _destination(
    host: Host, request: Request, source: End, inode_at: InodeAt
) -> tuple[End, addresses.Given | None]:
    """Return the destination, and the address where one was given instead of a name."""
    given = request.destination
    there, text = narrowed(host, given)
    service = services.find(there, given, text.removeprefix("svc:")) if text.startswith("svc:") else []
    address = addresses.parse(_service_address(service, request) if service else text)
    if address is None:
        return find(host, given, inode_at), None
    kind, plain = ("service", service[0].service) if service else ("address", address.text)
    if address.text.startswith("127.") or address.text == "::1":
        # Every namespace owns it; the one that is meant is the sender's.
        return End(given, "address", address.text, source.inode, address.text, "lo"), address
    found = addresses.owners(there, address.text)
    if len(found) != 1:
        note = None if service else _owners_note(found)
        return End(given, kind, plain, None, address.text, address.zone, note), address
    owner, entry = found[0]
    namespace = host.namespace(owner.inode)
    name = addresses.interface_name(namespace, entry.ifindex) if namespace else None
    return End(given, kind, plain, owner.inode, address.text, name), address


def _service_address(ports: list[services.Port], request: Request) -> str:
    """Return the address of a Service, of the family asked for where it has both. Raises UsageError."""
    given = request.destination
    wanted = request.family or AF_INET
    of_family = [port for port in ports if (AF_INET6 if ":" in port.address else AF_INET) == wanted]
    found = sorted({port.address for port in of_family or ports})
    if len(found) > 1:
        raise UsageError(f"{given}: the rules name several addresses of this Service: {', '.join(found)}")
    asked = (request.protocol, request.port)
    if (
        ":" in given.removeprefix("svc:")
        and request.port
        and asked not in {(p.proto, p.number) for p in ports}
    ):
        right = ", ".join(sorted({f"--{port.proto} {port.number}" for port in ports}))
        raise UsageError(f"{given} is asked with {right}, not with --{request.protocol} {request.port}")
    return found[0]


def _owners_note(found: list[tuple[NamespaceId, Address]]) -> str:
    if not found:
        return "no namespace visible here owns this address"
    return "several namespaces own this address: " + ", ".join(sorted(ns.label for ns, _ in found))


def _family(host: Host, request: Request, destination: End, given: addresses.Given | None) -> int:
    if given is not None:
        if request.family not in (None, given.family):
            asked = FAMILY_NAMES[request.family or given.family]
            raise UsageError(f"{request.destination} is no {asked} address")
        return given.family
    if request.family is not None:
        return request.family
    if request.from_address is not None and (fixed := addresses.parse(request.from_address)):
        return fixed.family
    namespace = _namespace(host, destination)
    return addresses.natural_family(namespace) if namespace else AF_INET


def _refuse_same(source: End, destination: End) -> None:
    if source.inode == destination.inode:
        raise UsageError(
            f"{source.given} and {destination.given} are the same namespace; "
            "to ask about one of its own addresses, give that address as the destination"
        )


def _with_address(host: Host, end: End, source: Namespace | None, family: int) -> End:
    namespace = _namespace(host, end)
    if namespace is None:
        return msgspec.structs.replace(end, note="its addresses could not be read")
    choice = addresses.choose(source, namespace, family)
    if choice is None:
        return msgspec.structs.replace(end, note=f"no {FAMILY_NAMES[family]} address was found")
    note = "; ".join(filter(None, (end.note, choice.note))) or None
    return msgspec.structs.replace(end, address=choice.address, interface=choice.interface, note=note)


def _fixed(source: End, namespace: Namespace | None, given: str, family: int) -> End:
    address = addresses.parse(given)
    if address is None:
        raise UsageError(f"--from {given}: not an address")
    if address.family != family:
        raise UsageError(f"--from {given}: the question is about {FAMILY_NAMES[family]}")
    if namespace is None:  # it may not be read; the diagnosis says so
        return msgspec.structs.replace(source, address=address.text, note=None)
    entries = namespace.owners(address.text)
    if not entries:
        raise UsageError(f"--from {given}: {source.given} does not own this address")
    name = addresses.interface_name(namespace, entries[0].ifindex)
    return msgspec.structs.replace(source, address=address.text, interface=name, note=None)


def _namespace(host: Host, end: End) -> Namespace | None:
    return host.namespace(end.inode) if end.inode is not None else None
