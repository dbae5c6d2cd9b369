"""One breakage of a real network: made, named by netdoctor, mended by the commands that the report proposes."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .engine import run

#: How long a mended network may take until it answers: a kernel that has much to do is not at once done.
PATIENCE = 15


class Breakage(NamedTuple):
    """What is broken by hand and how that is taken back, `; ` between commands; the codes; place of the first cause.

    `place` is the namespace as the report calls it, or its device, or both with a slash between. All may hold
    names in braces, which stand for what is known only once the network is up.
    """

    broken: str
    undone: str
    codes: str
    place: str

    def inside(self, enter: str) -> Breakage:
        """The same with commands that are run behind others: `ip netns exec NAME`."""
        both = ("; ".join(f"{enter} {c}" for c in text.split("; ") if c) for text in (self.broken, self.undone))
        return self._replace(**dict(zip(("broken", "undone"), both, strict=True)))


def hold(
    breakage: Breakage,
    words: Mapping[str, str],
    answers: Callable[[], bool],
    ask: Callable[[], tuple[int, Any, str]],
) -> Any:
    """Break, ask, mend; returns the report. `answers` tells whether the destination answers, `ask` asks netdoctor."""
    assert patient(answers), "healthy before"
    try:
        for command in breakage.broken.format(**words).split("; "):
            run(*shlex.split(command))
        assert patient(lambda: not answers()), "broken"
        code, report, said = ask()
        assert code == 1, (said, report and report["summary"])
        named = [(cause["code"], cause["title"]) for cause in report["causes"]]
        assert [code for code, _ in named] == breakage.codes.split(), named
        assert breakage.place.format(**words) in places(report["causes"][0]), report["causes"][0]["location"]
        for cause in report["causes"]:
            assert cause["fix"]["verified"], cause["fix"]
            for command in cause["fix"]["commands"]:
                run(*command)
        assert patient(answers), [cause["fix"] for cause in report["causes"]]
        code, after, _ = ask()
        assert code == 0, after["summary"]
        return report
    finally:
        for command in filter(None, breakage.undone.format(**words).split("; ")):
            subprocess.run(shlex.split(command), capture_output=True, check=False)


def places(cause: Any) -> tuple[str, str, str]:
    """The names by which the place of a cause may be given."""
    location = cause["location"]
    name, device = location["namespace"]["name"], location["interface"] or ""
    return name, device, f"{name}/{device}"


def patient(answers: Callable[[], bool]) -> bool:
    """Tell whether there is an answer before long."""
    deadline = time.monotonic() + PATIENCE
    while not answers():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
