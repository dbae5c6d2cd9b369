"""Pictures of screens are compared with what exactly one version of Textual drew, and only it makes them anew."""

from __future__ import annotations

from importlib.metadata import version

import pytest

#: What drew the pictures in `__snapshots__`; pyproject.toml asks for the same.
DRAWN_BY = {"textual": "8.2.8", "pytest-textual-snapshot": "1.1.0"}


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to draw pictures anew with any other version."""
    if not getattr(config.option, "update_snapshots", False):
        return
    for package, wanted in DRAWN_BY.items():
        if version(package) != wanted:
            raise pytest.UsageError(
                f"pictures of screens are made with {package} {wanted}, not {version(package)}"
            )
