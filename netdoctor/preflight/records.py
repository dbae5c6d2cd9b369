"""The answer of `netdoctor preflight`, `netdoctor.preflight/1`. As with a report, every key is always there."""

from __future__ import annotations

from typing import Literal

import msgspec

from netdoctor.report import Part, Tool

SCHEMA = "netdoctor.preflight/1"

Area = Literal["privileges", "kernel", "namespaces", "tools", "runtimes", "packages"]
State = Literal["ok", "limited", "missing"]


class Item(Part, frozen=True):
    """One thing that was looked at.

    `found` says what there is. `cost` is what netdoctor cannot do for it, `remedy` what would change that; both are
    null where nothing is lost. `needed` tells whether a diagnosis on this host, as it is now, needs it.
    """

    area: Area
    what: str
    state: State
    found: str
    cost: str | None = None
    remedy: str | None = None
    needed: bool = False


class Preflight(Part, frozen=True):
    """All of it. `ready` says that all is there which a diagnosis needs; `user` is a name, or a number without one."""

    schema: str
    tool: Tool
    created: str
    host: str
    kernel: str
    python: str
    user: str
    ready: bool
    items: tuple[Item, ...]


def preflight_schema() -> dict[str, object]:
    """Return the JSON Schema of the answer."""
    return msgspec.json.schema(Preflight)
