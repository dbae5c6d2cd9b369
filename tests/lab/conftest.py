"""The lab needs root and the kernel's devices; where they are missing every test says so by name."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator

import pytest

from netdoctor.lab import Fault, Lab, load_faults, load_networks
from netdoctor.lab.records import FixtureError
from tests.lab import choice

# Side by side with another run on the same machine, and never with names that a user's lab has.
PREFIX = f"ndt{os.getpid()}-"
PROGRAMS = (
    "ip",
    "bridge",
    "ping",
    "iptables-legacy",
    "iptables-nft",
    "nft",
    "ipset",
    "ebtables-nft",
    "arptables-nft",
    "conntrack",
    "tcpdump",
)


def _missing() -> str | None:
    """Say what keeps the lab from being built here, or None."""
    if os.geteuid() != 0:
        return "the lab needs root (it makes network namespaces)"
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    return f"not installed: {', '.join(absent)}" if absent else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give every test with an argument `fault` all the fixtures, by their keys."""
    if "fault" not in metafunc.fixturenames:
        return
    try:
        faults = load_faults()
    except FixtureError as error:
        raise pytest.UsageError(str(error)) from error
    metafunc.parametrize("fault", [pytest.param(fault, id=key) for key, fault in faults.items()])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where only some device kinds are asked for, leave out every test that is of no fault with one of them."""
    if choice.ONLY_KINDS in os.environ:
        items[:] = [item for item in items if (fault := _fault(item)) is not None and choice.wanted(fault)]


def _fault(item: pytest.Item) -> Fault | None:
    """The fault that a test is of: its argument `fault`, or `key`."""
    given = getattr(item, "callspec", None)
    if given is None:
        return None
    found = given.params.get("fault") or load_faults().get(given.params.get("key", ""))
    return found if isinstance(found, Fault) else None


@pytest.fixture(autouse=True)
def _kinds(request: pytest.FixtureRequest) -> None:
    """Skip a test of a fault that needs a device kind which this kernel has not, by name."""
    fault = _fault(request.node)
    if fault is not None and _missing() is None and (absent := choice.lacking(fault)):
        pytest.skip(f"not in this kernel: {', '.join(absent)} devices (`make test-vm` runs it)")


@pytest.fixture(scope="session")
def kernel() -> None:
    """Skip, with the reason, where the lab cannot be built."""
    reason = _missing()
    if reason:
        pytest.skip(reason)


@pytest.fixture
def build(kernel: None) -> Iterator[Callable[[Fault], Lab]]:
    """Return a function that builds the network of a fault and puts the fault in; it is taken away at the end."""
    labs: list[Lab] = []

    def up(fault: Fault) -> Lab:
        lab = Lab(load_networks()[fault.network], PREFIX)
        labs.append(lab)
        lab.up()
        lab.inject(fault)
        return lab

    try:
        yield up
    finally:
        for lab in labs:
            lab.down()
