"""What container runtimes call a network namespace: containers and pods, running and stopped."""

from __future__ import annotations

import re
from collections.abc import Iterable

from netdoctor.facts.links import Record

#: The prefixes by which a container is asked for, and what people call the runtime.
RUNTIMES = {"docker": "Docker", "podman": "podman", "cri": "CRI", "lxc": "LXC", "nspawn": "systemd-nspawn"}

#: So many digits of an id, at least, mean a container.
SHORTEST_ID = 6

#: How what is missing begins where a runtime could not be asked.
NAMES = "the names of "

#: Names that runtimes and CNI make up for namespace files: `cni-UUID`, `netns-UUID`, a UUID, an id.
_MADE_UP = re.compile(
    r"((cni|netns|cnitool)-)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{12}|[0-9a-f]{64}|cnitool-[0-9a-f]{20}"
)


class Container(Record, frozen=True):
    """A container as its runtime knows it.

    `runtime` is a key of RUNTIMES. `pod` is NAMESPACE/NAME of a Kubernetes pod, or the name of a podman pod; a pod's
    sandbox has no `name`. `state` is the runtime's own word: `running`, `exited`, `created`…
    """

    runtime: str
    name: str
    id: str = ""
    pod: str | None = None
    state: str = "running"

    @property
    def full_name(self) -> str:
        """The name that is unique in its runtime: of a Kubernetes container with its pod before it."""
        return f"{self.pod}/{self.name}" if self.pod is not None and "/" in self.pod else self.name

    @property
    def form(self) -> str:
        """The form of endpoint that means this container."""
        if self.name:
            return f"{self.runtime}:{self.full_name}"
        return f"pod:{self.pod}" if self.pod is not None else self.exact

    @property
    def exact(self) -> str:
        """The form that means this container even where another one of the runtime has its name."""
        return f"{self.runtime}:{self.id[:12] or self.name}"

    def named(self, text: str) -> bool:
        """Tell whether a person may mean this container by `text`: its name, for Kubernetes with POD/ before it."""
        if not self.name or not text:
            return False
        full = self.full_name
        return text in (self.name, full, full.partition("/")[2] if full != self.name else full)

    def in_pod(self, text: str) -> bool:
        """Tell whether `text` names this container's pod: NAME or NAMESPACE/NAME."""
        return bool(text) and self.pod is not None and text in (self.pod, self.pod.rpartition("/")[2])

    def identified(self, text: str) -> bool:
        """Tell whether `text` is the beginning of this container's id, long enough to be meant as one."""
        return len(text) >= SHORTEST_ID and self.id.startswith(text)


def made_up(name: str) -> bool:
    """Tell whether a program made up the name of a namespace file: no person calls it so."""
    return _MADE_UP.fullmatch(name) is not None


def label_of(containers: Iterable[Container]) -> str | None:
    """Return what a person calls a namespace in which these containers are: the pod, else the first container."""
    known = tuple(containers)
    pods = (held.pod for held in known if held.pod is not None)
    return next(pods, None) or next((held.name or held.exact for held in known), None)
