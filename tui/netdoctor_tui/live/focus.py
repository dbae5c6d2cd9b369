"""What has to be watched so that a change of an answer is not missed: worked out from the host that gave it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from netdoctor.facts.host import Namespace, NamespaceId
from netdoctor.facts.links import Record
from netdoctor.facts.records import AF_INET6

if TYPE_CHECKING:
    from netdoctor.collect.live import LiveHost
    from netdoctor.question import Question
    from netdoctor.report import Report

#: Of the path graph, what is watched first.
_ORDER = ("ended", "passed", "unreached", "visited")
#: Changes with every connection.
_RESTLESS = "netfilter/nf_conntrack_count"


class Focus(Record, frozen=True):
    """What to watch: namespaces, the most important first; sysctls by inode, with the values that were read.

    `listener` is the namespace, protocol and port at which somebody has to listen. `six`: IPv6 matters too.
    """

    namespaces: tuple[NamespaceId, ...] = ()
    sysctls: Mapping[int, Mapping[str, str | None]] = {}
    listener: tuple[int, str, int] | None = None
    six: bool = False


def focus_of(host: LiveHost, question: Question, report: Report) -> Focus:
    """Return what to watch for this answer: the namespaces of its path and of both its ends, and the host's own."""
    wanted = dict.fromkeys(inode for inode in _inodes(host, question, report) if inode is not None)
    found = [ns for inode in wanted if (ns := host.namespace(inode)) is not None]
    sysctls = {ns.id.inode: _read(ns) for ns in found}
    end = question.destination.inode
    listener = None
    if question.protocol in ("tcp", "udp") and end is not None and question.port is not None:
        listener = (end, question.protocol, question.port)
    return Focus(tuple(ns.id for ns in found), sysctls, listener, question.family == AF_INET6)


def _inodes(host: LiveHost, question: Question, report: Report) -> Iterator[int | None]:
    yield question.source.inode
    yield question.destination.inode
    nodes = sorted(
        report.path.nodes, key=lambda node: _ORDER.index(node.state) if node.state in _ORDER else 9
    )
    yield from (node.namespace.inode for node in nodes)
    yield from (known.inode for known in host.namespaces() if known.is_host)


def _read(ns: Namespace) -> dict[str, str | None]:
    from netdoctor.collect.namespace import LiveNamespace

    values = ns.sysctls_read if isinstance(ns, LiveNamespace) else {}
    return {name: value for name, value in values.items() if name != _RESTLESS}
