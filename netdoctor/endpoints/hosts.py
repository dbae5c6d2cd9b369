"""Several hosts: `ANY@HOST`, and the forms that mean one namespace of one host and no other."""

from __future__ import annotations

from difflib import get_close_matches

from netdoctor.errors import UsageError
from netdoctor.facts.containers import Container
from netdoctor.facts.fleet import fleet_of, host_of
from netdoctor.facts.host import Host, Missing, Namespace, NamespaceId


class OneOf:
    """A `Host` that shows of several only the namespaces of one; they keep their keys."""

    def __init__(self, host: Host, name: str) -> None:
        self._host = host
        self.name = name

    @property
    def missing(self) -> tuple[Missing, ...]:
        """See `Host.missing`."""
        return self._host.missing

    @property
    def unplaced(self) -> tuple[Container, ...]:
        """See `Host.unplaced`: of this host alone."""
        fleet = fleet_of(self._host)
        return next((one.unplaced for one in fleet.members if one.name == self.name), ()) if fleet else ()

    def namespaces(self) -> tuple[NamespaceId, ...]:
        """See `Host.namespaces`."""
        return tuple(known for known in self._host.namespaces() if host_of(known) == self.name)

    def namespace(self, inode: int) -> Namespace | None:
        """See `Host.namespace`."""
        found = self._host.namespace(inode)
        return found if found is not None and host_of(found.id) == self.name else None


def narrowed(host: Host, given: str) -> tuple[Host, str]:
    """Take `@HOST` off `given`: return the host it names, as a `Host`, and what is left.

    A namespace may have an `@` in its own name. Raises UsageError for a host that is not there.
    """
    text, at, where = given.rpartition("@")
    fleet = fleet_of(host)
    if not at:
        return host, given
    names = [member.name for member in fleet.members] if fleet is not None else [host.name]
    if where in names:
        return (OneOf(host, where) if fleet is not None else host), text
    if any(given.removeprefix("netns:") in known.names for known in host.namespaces()):
        return host, given
    near = get_close_matches(where, names, n=3, cutoff=0.5)
    if near and len(names) > 1:
        raise UsageError(f"{given}: there is no host {where} here; did you mean {' or '.join(near)}?")
    some = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    raise UsageError(f"{given}: there is no host {where} here, only {some}")


def at_host(known: NamespaceId, form: str) -> str:
    """Return `form` with the host of the namespace, where there are several."""
    where = host_of(known)
    return form if where is None else f"{form}@{where}"
