"""What a check is: one function that explains one way in which a packet ends, and the page a person reads about it.

A check is found through the entry-point group `netdoctor.checks`, which names packages; every module in them is
imported. Its first parameter's type says what it explains: an ending (the fault), or a `Walk` (a hazard on an
answered path).
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import typing
from collections.abc import Callable, Iterable
from functools import cache
from importlib.metadata import entry_points

from netdoctor.case import Case
from netdoctor.facts.links import Record
from netdoctor.fix.change import Fix
from netdoctor.fix.command import Argv
from netdoctor.kernel.endings import Ending
from netdoctor.kernel.packet import Place

GROUP = "netdoctor.checks"


class Proof(Record, frozen=True):
    """A statement and the command that shows it."""

    statement: str
    command: Argv


class Finding(Record, frozen=True):
    """What a check says: one line with the real names, why, where, how to see it, and what takes it away."""

    title: str
    explanation: str
    at: Place
    evidence: tuple[Proof, ...] = ()
    fix: Fix | None = None
    hook: str | None = None


Explains = Callable[..., "Finding | Iterable[Finding] | None"]


class Check(Record, frozen=True):
    """A check with its code, its slug, the type it explains and its page."""

    code: str
    name: str
    explains: type
    function: typing.Any
    generic: bool = False

    @property
    def page(self) -> str:
        """The text that `netdoctor explain` prints: the function's docstring."""
        return inspect.getdoc(self.function) or ""

    @property
    def title(self) -> str:
        """The first line of the page, without its full stop."""
        return self.page.splitlines()[0].removesuffix(".") if self.page else self.name

    def findings(self, subject: object, case: Case) -> list[Finding]:
        """Run the check. Raises whatever the check raises: the caller turns that into a `crashed` entry."""
        found = self.function(subject, case)
        if found is None:
            return []
        return [found] if isinstance(found, Finding) else list(found)


_checks: dict[str, Check] = {}


def check(code: str, generic: bool = False) -> Callable[[Explains], Explains]:
    """Register the decorated function as the check `code`; `generic` ones speak only where no other does.

    Raises ValueError where the code is taken by another function.
    """

    def register(function: Explains) -> Explains:
        hints = typing.get_type_hints(function)
        first = next(iter(inspect.signature(function).parameters))
        slug = getattr(function, "__name__", code).replace("_", "-")
        known = _checks.get(code)
        if known is not None and known.name != slug:
            raise ValueError(f"check {code} is both {known.name} and {slug}")
        _checks[code] = Check(code, slug, hints[first], function, generic)
        return function

    return register


@cache
def load() -> tuple[str, ...]:
    """Import every package of the entry-point group; returns one line for each module that failed."""
    failures = []
    for entry in entry_points(group=GROUP):
        try:
            package = entry.load()
            names = [module.name for module in pkgutil.iter_modules(package.__path__, package.__name__ + ".")]
        except Exception as error:
            failures.append(f"{entry.name}: {error}")
            continue
        for name in names:
            try:
                importlib.import_module(name)
            except Exception as error:
                failures.append(f"{entry.name}: {name}: {error}")
    return tuple(failures)


def all_checks() -> list[Check]:
    """Every check known, by code."""
    load()
    return [_checks[code] for code in sorted(_checks)]


def explaining(subject: object) -> list[Check]:
    """The checks whose first parameter takes `subject`."""
    return [item for item in all_checks() if _takes(item.explains, subject)]


def _takes(explained: typing.Any, subject: object) -> bool:
    kinds = typing.get_args(explained) or (explained,)
    return any(isinstance(kind, type) and isinstance(subject, kind) for kind in kinds)


__all__ = ["Case", "Check", "Ending", "Finding", "Fix", "Proof", "all_checks", "check", "explaining", "load"]
