"""How the report names places where several hosts may be looked at: the host, the namespace there, and its commands."""

from __future__ import annotations

import shlex

from netdoctor.facts.fleet import host_of, own_inode, plain_label
from netdoctor.facts.host import Host
from netdoctor.fix.command import Argv, split
from netdoctor.kernel.topology import named
from netdoctor.report import NamespaceRef


def host_name(host: Host, inode: int | None) -> str:
    """The name of the host that a namespace is of; `host`'s own where there is only one."""
    ns = host.namespace(inode) if inode is not None else None
    return (host_of(ns.id) if ns is not None else None) or host.name


def namespace_ref(host: Host, inode: int) -> NamespaceRef:
    """A namespace as the report names it: as on its own host."""
    ns = host.namespace(inode)
    if ns is None:
        return NamespaceRef(named(host, inode), inode)
    return NamespaceRef(plain_label(ns.id), own_inode(ns.id))


def run_from(here: str, argv: Argv) -> Argv:
    """A command as it is run on the host `here`: through ssh(1) where it is for another one."""
    where, words = split(argv)
    return words if where in (None, here) else ("ssh", where or "", shlex.join(words))


def spoken(argv: Argv) -> str:
    """A command as a sentence names it, with its host where there are several."""
    where, words = split(argv)
    return shlex.join(words) + (f" (on {where})" if where else "")
