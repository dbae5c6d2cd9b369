"""The answers so far, the one that is shown, and whether new ones are shown at all."""

from __future__ import annotations

from netdoctor_tui.source import Answer

#: So many answers are kept; of older ones the first are forgotten.
KEPT = 100


class Timeline:
    """Answers in the order in which they came. Frozen, the one that is shown stays where new ones come."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.at = -1
        self.frozen = False

    @property
    def shown(self) -> Answer | None:
        """The answer to be looked at."""
        return self.answers[self.at] if self.answers else None

    @property
    def before(self) -> Answer | None:
        """The answer before the one that is shown."""
        return self.answers[self.at - 1] if self.at > 0 else None

    @property
    def place(self) -> str:
        """Where in the history this is, in words; empty where there is only one answer, or the latest is shown."""
        if self.at == len(self.answers) - 1:
            return ""
        return f"{self.at + 1} of {len(self.answers)}"

    def add(self, answer: Answer) -> bool:
        """Keep an answer, and return whether it is now the one to be looked at."""
        latest = self.at == len(self.answers) - 1
        self.answers.append(answer)
        if len(self.answers) > KEPT:
            del self.answers[0]
            self.at = max(self.at - 1, 0)
        if self.frozen or not latest:
            return False
        self.at = len(self.answers) - 1
        return True

    def step(self, by: int) -> bool:
        """Go back (-1) or forward (1) in the history; tell whether there was anything there."""
        to = self.at + by
        if not 0 <= to < len(self.answers):
            return False
        self.at = to
        return True

    def freeze(self) -> bool:
        """Stop showing new answers, or go on with the latest; return whether it is frozen now."""
        self.frozen = not self.frozen
        if not self.frozen:
            self.at = len(self.answers) - 1
        return self.frozen
