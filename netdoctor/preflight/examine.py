"""All examinations in the order in which a person reads them."""

from __future__ import annotations

import os
import platform
import pwd
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from netdoctor import __version__
from netdoctor.preflight import kernel, namespaces, privileges, runtimes, tools
from netdoctor.preflight.packages import PACKAGES, installed
from netdoctor.preflight.records import SCHEMA, Area, Item, Preflight
from netdoctor.report import Tool


def examine() -> Preflight:
    """Look at everything. What an examination fails over becomes an item; nothing is raised."""
    seen = namespaces.Seen(0, (), (), {}, ())
    looks: list[tuple[Area, Callable[[], Iterable[Item]]]] = [
        ("privileges", privileges.examine),
        ("kernel", kernel.examine),
    ]
    items = [item for area, look in looks for item in _guarded(area, look)]
    try:
        seen = namespaces.look()
    except OSError as error:
        items.append(_failed("namespaces", error))
    else:
        items += namespaces.examine(seen)
    items += _guarded("tools", lambda: tools.examine(seen.used))
    items += _guarded("runtimes", runtimes.examine)
    items += _packages()
    return Preflight(
        SCHEMA,
        Tool("netdoctor", __version__),
        datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        os.uname().nodename,
        os.uname().release,
        platform.python_version(),
        _user(),
        all(item.state == "ok" for item in items if item.needed),
        tuple(items),
    )


def _guarded(area: Area, look: Callable[[], Iterable[Item]]) -> list[Item]:
    found: list[Item] = []
    try:
        found.extend(look())
    except OSError as error:
        found.append(_failed(area, error))
    return found


def _failed(area: Area, error: OSError) -> Item:
    why = error.strerror or str(error)
    cost = "what netdoctor can do there is not known"
    return Item(area, f"looking at {area}", "limited", why, cost, privileges.ROOT, True)


def _packages() -> Iterator[Item]:
    for package in PACKAGES:
        number = installed(package)
        if number is not None:
            yield Item("packages", package.module, "ok", number or "there", needed=not package.extra)
        else:
            extra = f"[{package.extra}]" if package.extra else ""
            remedy = f"pip install 'netdoctor{extra}'"
            yield Item(
                "packages",
                package.module,
                "missing",
                "not installed",
                f"no {package.purpose.removeprefix('the ')}",
                remedy,
                not package.extra,
            )


def _user() -> str:
    number = os.geteuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
