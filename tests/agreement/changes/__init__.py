"""The changes that may be made to a network; importing this package fills the registry."""

from __future__ import annotations

from tests.agreement.changes import (
    addresses,
    bridges,
    devices,
    entries,
    links,
    neighbours,
    routes,
    rules,
    sysctls,
)
from tests.agreement.changes.scene import REGISTRY, Scene

__all__ = [
    "REGISTRY", "Scene", "addresses", "bridges", "devices", "entries", "links", "neighbours", "routes", "rules",
    "sysctls",
]  # fmt: skip
