"""What is new since the answer before, as rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netdoctor_tui.look import Look
from netdoctor_tui.model.rows import Row, Span, row, wrapped

#: So many lines are shown: behind a device that went, half a path is another one.
MOST = 24


def since_rows(because: Sequence[str], said: Sequence[str], width: int, look: Look) -> Iterator[Row]:
    """Yield what had changed when it was asked again (`because`), and how the answer differs (`said`)."""
    if not said and not because:
        return
    yield row(Span(f"{look('Δ')} SINCE THE ANSWER BEFORE", "accent"))
    if because:
        yield from wrapped(f"asked again because: {'; '.join(because)}", width, first="  ", indent="    ")
    for line in said[:MOST]:
        yield from wrapped(line, width, first=f"  {look('·')} ", indent="    ")
    if len(said) > MOST:
        yield row(f"  and {len(said) - MOST} lines more")
