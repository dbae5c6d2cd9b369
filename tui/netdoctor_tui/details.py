"""What the tabs beside the path show; for two of them the facts of a namespace have to be read first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from netdoctor.check import all_checks
from netdoctor.facts.host import NamespaceFacts
from netdoctor.report import Report
from netdoctor_tui.look import Look
from netdoctor_tui.model.chain import chain_lines
from netdoctor_tui.model.explain import page_rows
from netdoctor_tui.model.facts import fact_rows
from netdoctor_tui.model.path import Place
from netdoctor_tui.model.rows import Row, row
from netdoctor_tui.model.rules import Chain, met_on, rule_rows
from netdoctor_tui.model.since import since_rows
from netdoctor_tui.model.step import step_rows
from netdoctor_tui.model.why import why_rows
from netdoctor_tui.widgets.rowlist import Content

#: The tabs by their names, in the order of their numbers.
TABS = ("why", "step", "rules", "facts", "explain")

NO_FACTS = "a saved report holds no facts: open a snapshot of the host, or ask there"


class Details:
    """The content of each tab, for one report and one place of it."""

    def __init__(
        self, report: Report, place: Place | None, look: Look, since: tuple[Sequence[str], Sequence[str]] = ((), ())
    ) -> None:
        self._since = since
        self._report = report
        self._place = place
        self._look = look

    def needs_facts(self, tab: str) -> bool:
        """Tell whether a tab shows more where the facts of the place are known."""
        return tab in ("rules", "facts")

    def of(self, tab: str) -> Content:
        """Return what a tab shows that needs no facts."""
        made = {"why": self._why, "step": self._step, "explain": self._explain}
        return made.get(tab, self._rules)

    def without_facts(self, tab: str) -> Content:
        """Return what a tab shows until the facts have been read."""
        return self._rules if tab == "rules" else [row("reading the facts")]

    def with_facts(self, tab: str) -> Callable[[NamespaceFacts | None], Content]:
        """Return what makes a tab's content of the facts of the place; it may be called in any thread."""
        return self._counted if tab == "rules" else self._facts

    def _why(self, width: int) -> Sequence[Row]:
        since = list(since_rows(*self._since, width, self._look))
        return [*why_rows(self._report, width, self._look), *([row(""), *since] if since else [])]

    def _step(self, width: int) -> Sequence[Row]:
        return step_rows(self._report, self._place, width, self._look)

    def _rules(self, width: int) -> Sequence[Row]:
        return rule_rows(self._report, self._place, width, self._look)

    def _explain(self, width: int) -> Sequence[Row]:
        codes = {cause.code for cause in self._report.causes[:1] or self._report.hazards[:1]}
        pages = [(check.code, check.page) for check in all_checks() if check.code in codes]
        rows = [line for code, page in pages for line in page_rows(code, page, width)]
        return rows or [row("nothing was found that a check has a page about")]

    def _facts(self, facts: NamespaceFacts | None) -> Content:
        if facts is None:
            return [row(NO_FACTS)]
        return fact_rows(facts, self._place.interface if self._place is not None else None)

    def _counted(self, facts: NamespaceFacts | None) -> Content:
        counted = self._counters(facts) if facts is not None else {}
        return lambda width: rule_rows(self._report, self._place, width, self._look, counted)

    def _counters(self, facts: NamespaceFacts) -> Mapping[Chain, Mapping[int, int]]:
        """The packet counters of the rules met in the namespace of these facts."""
        met = {one.chain for leg in self._report.path.legs for one in met_on(leg)}
        here = [
            chain for chain in met if self._place is not None and chain.namespace == self._place.namespace
        ]
        return {
            chain: {
                line.number: line.packets
                for line in chain_lines(facts, chain) or ()
                if line.packets is not None
            }
            for chain in here
        }
