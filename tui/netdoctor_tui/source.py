"""Where answers come from: this host, snapshots of others, or a saved report. The screens know nothing else of them.

Every method of a `Source` may take long, and is called from a worker thread, never from the one that draws. What it
returns is immutable and holds no open socket.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from netdoctor.endpoints import Request
from netdoctor.facts.host import NamespaceFacts
from netdoctor.facts.links import Record
from netdoctor.hostmap import MapNamespace
from netdoctor.report import NamespaceRef, Report
from netdoctor_tui.live.focus import Focus
from netdoctor_tui.live.passing import Met, Passed

#: Told in a few words what is being done. It raises `CancelledError` where nobody waits for the result any more.
Told = Callable[[str], None]


class CancelledError(Exception):
    """Nobody waits for what is being worked out."""


class Answer(Record, frozen=True):
    """One question and its report. `request` is None where the report was saved and cannot be asked again.

    `focus` is what to watch so that no change of it is missed, where it is of the running machine; `because` says what
    had changed when it was asked by itself.
    """

    report: Report
    request: Request | None = None
    focus: Focus | None = None
    because: tuple[str, ...] = ()


class Known(Record, frozen=True):
    """A namespace to pick: `form` is the endpoint that means it and no other, `also` what else it is called."""

    host: str
    namespace: NamespaceRef
    form: str
    also: tuple[str, ...] = ()


class Inventory(Record, frozen=True):
    """What there is to pick from. `devices` are those of the namespaces that may be looked into."""

    known: tuple[Known, ...]
    devices: tuple[MapNamespace, ...] = ()


class Source(Protocol):
    """Somebody who answers questions about a network."""

    @property
    def name(self) -> str:
        """What is looked at, in a word or two: a host's name, a file's."""

    @property
    def live(self) -> bool:
        """Whether this is the running machine: it can be asked again, and packets can be sent."""

    @property
    def saved(self) -> Report | None:
        """The report that all there is to see is in; None where questions can be asked."""

    def inventory(self, told: Told, *, devices: bool) -> Inventory:
        """Return the namespaces, and their `devices` if asked for."""

    def ask(self, request: Request, told: Told, *, probe: bool, passed: Passed | None = None) -> Answer:
        """Answer a question; with `probe` real packets are sent too, and `passed` is told where they come by.

        Raises NetdoctorError for what cannot be asked.
        """

    def facts(self, host: str | None, namespace: NamespaceRef, told: Told) -> NamespaceFacts | None:
        """Return all that is known of a namespace of a report; None where nothing is."""

    def everything(self, told: Told) -> tuple[tuple[NamespaceFacts, ...], tuple[str, ...]]:
        """Return the facts of all namespaces and the names of the hosts: all that a redaction has to replace."""


@runtime_checkable
class Tracing(Protocol):
    """A source that can have a packet traced; that changes the system for as long as it takes."""

    def additions(self, request: Request, told: Told) -> list[str]:
        """Say what `trace` would put in place for this question and take away again."""

    def trace(self, request: Request, told: Told, say: Callable[[str], None], met: Met) -> Answer:
        """Answer a question, and have the kernel tell which rules a real packet meets.

        `say` is told what is put in place and taken away, `met` of the rules as the packet meets them.
        """
