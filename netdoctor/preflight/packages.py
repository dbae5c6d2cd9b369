"""The Python packages that netdoctor is made of. Nothing but the standard library is imported here."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import NamedTuple


class Package(NamedTuple):
    """A package: what it is imported as and installed as, what it is for, and the extra that brings it ("": none)."""

    module: str
    name: str
    purpose: str
    extra: str = ""


PACKAGES = (
    Package("msgspec", "msgspec", "records and JSON"),
    Package("pyroute2", "pyroute2", "netlink"),
    Package("scapy", "scapy", "real packets"),
    Package("psutil", "psutil", "the processes shown"),
    Package("netdoctor_checks", "netdoctor", "the checks"),
    Package("textual", "textual", "the interactive view", "tui"),
)


def installed(package: Package) -> str | None:
    """Return the version of a package, "" where it has none; None where it is not installed."""
    try:
        if find_spec(package.module) is None:
            return None
    except (ImportError, ValueError):
        return None
    try:
        return version(package.name)
    except PackageNotFoundError:
        return ""


def lost() -> list[Package]:
    """Return the packages without which netdoctor does nothing at all."""
    return [package for package in PACKAGES if not package.extra and installed(package) is None]
