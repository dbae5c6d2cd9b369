"""Every check keeps the agreed form: code, page, module, fixture; and a check that raises harms nobody."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest

import netdoctor_checks
from netdoctor import check as checking
from netdoctor.case import Case
from netdoctor.check import Check, Finding, all_checks, check, load
from netdoctor.diagnosis import diagnose
from netdoctor.facts.host import NamespaceFacts, NamespaceId
from netdoctor.facts.tables import TableHost
from netdoctor.kernel import endings
from netdoctor.kernel.endings import Ending, NoRoute
from netdoctor.kernel.walk import Walk
from netdoctor.lab import load_faults
from netdoctor.question import End, Question

AREAS = ["LNK", "BRG", "ADR", "NEI", "RTE", "FWL", "NAT", "CTK", "VXL", "TUN", "MTU", "SYS", "ENV"]
HEADINGS = ["What it means", "Why it breaks the path", "See it yourself", "How to fix it", "Often taken for"]
PAGE_LINES = 60
MODULE_LINES = 80

#: Not a failure: the answer, the base class, and what leads to `unknown` instead of a cause.
NO_FAILURE = {"Ending", "Answered", "LeavesHost", "NotModelled"}

#: No fixture names these yet, each for its reason. A code that gets one must be struck from the list.
WITHOUT_FIXTURE = {
    "ENV001": "explains what real packets met and the walk did not, so that no recorded facts lead to it",
    "BRG010": "needs bridge VLAN filtering, which not every kernel has",
    "TUN004": "a tunnel without a remote is refused by iproute2 where it could not send",
    "CTK006": "the limit is the machine's, and no fixture may change that or fill a table of its size",
    "SYS014": "needs a VRF and a listener in it; the twin's side is in test_kernel_stacked.py",
    "VXL016": "the flag shows only on marked packets, which a ping is not",
}

CHECKS = all_checks()
BUILTIN = [item for item in CHECKS if item.function.__module__.startswith("netdoctor_checks.")]


def _each(items: list[Check]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "item", [pytest.param(item, id=f"{item.code}-{item.name}") for item in items]
    )


def _kinds(item: Check) -> tuple[type, ...]:
    return typing.get_args(item.explains) or (item.explains,)


def _hazard(item: Check) -> bool:
    return Walk in _kinds(item)


def _failures() -> list[type[Ending]]:
    known = [kind for kind in vars(endings).values() if isinstance(kind, type) and issubclass(kind, Ending)]
    return [kind for kind in known if kind.__name__ not in NO_FAILURE]


def test_every_module_is_loaded() -> None:
    assert load() == ()
    folder = Path(netdoctor_checks.__path__[0])
    modules = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}
    assert modules == {item.function.__module__.rsplit(".", 1)[1] for item in BUILTIN}


@_each(CHECKS)
def test_code_is_of_an_area_that_exists(item: Check) -> None:
    assert re.fullmatch(rf"({'|'.join(AREAS)})\d{{3}}", item.code)


def test_codes_and_slugs_are_unique() -> None:
    assert len({item.code for item in CHECKS}) == len(CHECKS)
    assert len({item.name for item in CHECKS}) == len(CHECKS)


def test_a_code_is_given_once() -> None:
    taken = BUILTIN[0].code
    with pytest.raises(ValueError, match=taken):

        @check(taken)
        def another_one(end: NoRoute, case: Case) -> None:
            """Another check of the same code."""

    assert next(item for item in all_checks() if item.code == taken) == BUILTIN[0]


@_each(BUILTIN)
def test_slug_is_the_name_of_its_module(item: Check) -> None:
    assert item.name.replace("-", "_") == item.function.__module__.rsplit(".", 1)[1]


@_each(BUILTIN)
def test_module_is_small(item: Check) -> None:
    lines = Path(inspect.getfile(item.function)).read_text().splitlines()
    assert len(lines) <= MODULE_LINES


@_each(CHECKS)
def test_page_has_its_headings_in_order_and_is_short(item: Check) -> None:
    lines = item.page.splitlines()
    assert [line[3:] for line in lines if line.startswith("## ")] == HEADINGS
    assert len(lines) <= PAGE_LINES
    assert all(len(line) <= 120 for line in lines)
    assert not re.search(r"^## .*\n\s*(## |\Z)", item.page, re.MULTILINE), "a heading without text"


@_each(CHECKS)
def test_title_is_one_plain_statement(item: Check) -> None:
    lines = item.page.splitlines()
    assert item.title
    assert not item.title.endswith((".", "!", "?", ":"))
    assert lines[1:2] == [""], "the title is one line, and an empty one follows"


@_each(CHECKS)
def test_first_parameter_says_what_it_explains(item: Check) -> None:
    assert all(isinstance(kind, type) and issubclass(kind, Ending | Walk) for kind in _kinds(item))
    assert len({issubclass(kind, Walk) for kind in _kinds(item)}) == 1, "either endings, or the walk"


@pytest.mark.parametrize("kind", _failures(), ids=lambda kind: kind.__name__)
def test_every_failure_is_explained(kind: type[Ending]) -> None:
    # A check of `Ending` itself looks at all of them and has its own story; that does not count here.
    assert [item.code for item in CHECKS for explained in _kinds(item) if explained is kind]


def _named_by_fixtures() -> set[str]:
    return {code for fault in load_faults().values() for cause in fault.expect.causes for code in cause.codes}


@_each([item for item in BUILTIN if not _hazard(item) and not item.generic])
def test_check_has_a_fixture(item: Check) -> None:
    assert item.code in _named_by_fixtures() or item.code in WITHOUT_FIXTURE


def test_the_list_of_checks_without_fixture_shrinks() -> None:
    stale = {code for code in WITHOUT_FIXTURE if code in _named_by_fixtures()}
    assert not stale, f"these have a fixture now: strike them from WITHOUT_FIXTURE: {sorted(stale)}"
    assert set(WITHOUT_FIXTURE) <= {item.code for item in BUILTIN}


def test_fixtures_name_only_checks_that_exist() -> None:
    assert _named_by_fixtures() <= {item.code for item in CHECKS}


@pytest.fixture
def failing() -> Iterator[Check]:
    """A check that raises, registered for one test."""
    code = "ENV999"

    @check(code)
    def always_failing(end: NoRoute, case: Case) -> Finding | None:
        """A check that raises.

        ## What it means
        """
        raise RuntimeError("as it was told to")

    try:
        yield checking._checks[code]
    finally:
        del checking._checks[code]


def test_a_check_that_raises_is_reported_and_harms_nobody(failing: Check) -> None:
    alone = NamespaceFacts(NamespaceId(1, ("alone",)))
    asked = Question(
        End("alone", "netns", "alone", 1), End("10.0.0.9", "address", "10.0.0.9", None, "10.0.0.9")
    )
    report = diagnose(TableHost("test", (alone,)), asked)
    assert report.verdict == "unreachable"
    assert [(entry.code, entry.error) for entry in report.crashed] == [
        (failing.code, "RuntimeError: as it was told to")
    ]
    assert failing.code not in [cause.code for cause in report.causes]
    assert report.causes, "the other checks still speak"
