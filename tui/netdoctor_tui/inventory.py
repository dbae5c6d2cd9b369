"""The namespaces of a host as things to pick: under the name that means each of them, with what else it is called."""

from __future__ import annotations

from msgspec.structs import replace

from netdoctor.endpoints.lookup import exact_form
from netdoctor.facts.fleet import host_of, own_inode, plain_label
from netdoctor.facts.host import Host, NamespaceId
from netdoctor.report import NamespaceRef
from netdoctor.survey import survey
from netdoctor_tui.source import Inventory, Known, Told


def inventory_of(host: Host, told: Told, *, devices: bool) -> Inventory:
    """Return the namespaces of a host (or fleet), the host's own first, and their `devices` if asked for."""
    told("looking for namespaces")
    found = sorted(host.namespaces(), key=lambda known: (host_of(known) or "", not known.is_host))
    known = tuple(_known(host, entry) for entry in found)
    if not devices:
        return Inventory(known)
    told(f"reading the devices of {len(known)} namespaces")
    # The map is in the order of the host's namespaces; of several hosts it names all in one.
    seen = [entry for entry in host.namespaces() if host.namespace(entry.inode) is not None]
    parts = zip(seen, survey(host).namespaces, strict=False)
    return Inventory(known, tuple(replace(part, host=host_of(entry) or host.name) for entry, part in parts))


def _known(host: Host, entry: NamespaceId) -> Known:
    label = plain_label(entry)
    also = [name for name in entry.names if name != label]
    also += [held.full_name for held in entry.containers if held.full_name not in ("", label)]
    if not also and entry.processes:
        also = [process.name for process in entry.processes[:2] if process.name not in label]
    ref = NamespaceRef(label, own_inode(entry))
    return Known(host_of(entry) or host.name, ref, exact_form(entry), tuple(dict.fromkeys(also)))
