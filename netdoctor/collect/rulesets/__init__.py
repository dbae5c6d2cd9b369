"""What is loaded in a namespace and may stop a packet, beyond what is modelled."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable

from netdoctor.collect.access import Access
from netdoctor.collect.rulesets import bpf, ipvs, queues, tc, xfrm
from netdoctor.facts.host import Missing, NamespaceId
from netdoctor.facts.records import Ruleset

Reader = Callable[[Access], Iterable[Ruleset]]

#: What each reader looks for, in words, and the reader. A reader raises OSError where it may not look.
READERS: tuple[tuple[str, Reader], ...] = (
    ("traffic control filters", tc.read),
    ("IPsec policies", xfrm.read),
    ("BPF programs on devices", bpf.read),
    ("programs at packet queues", queues.read),
    ("virtual services of IPVS", ipvs.read),
)

#: What a kernel answers that is built without the subsystem: nothing of it can be loaded.
NOT_BUILT = (
    errno.EPROTONOSUPPORT,
    errno.EOPNOTSUPP,
    errno.EAFNOSUPPORT,
    errno.EINVAL,
    errno.ENOSYS,
    errno.ENOPROTOOPT,
    errno.ENOENT,
)


def read_rulesets(access: Access, namespace: NamespaceId) -> tuple[tuple[Ruleset, ...], tuple[Missing, ...]]:
    """Return the rulesets of a namespace, and what could not be looked at."""
    found: list[Ruleset] = []
    missing: list[Missing] = []
    for what, reader in READERS:
        try:
            found.extend(reader(access))
        except OSError as error:
            if error.errno not in NOT_BUILT:
                missing.append(_missing(f"{what} of {namespace.label}", error))
    return tuple(found), tuple(missing)


def _missing(what: str, error: OSError) -> Missing:
    if error.errno in (errno.EPERM, errno.EACCES):
        return Missing(what, "no permission to read them", "run netdoctor as root")
    return Missing(what, error.strerror or str(error), "run netdoctor again")
