"""The interactive view: one question's path, why it ends where it does, and what to type, on a node or from a file.

`netdoctor.cli.tui` starts it with `run`. Only `app`, `screens/` and `widgets/` know Textual; `model/` turns reports and
facts into rows of text, and is pure.
"""

from __future__ import annotations

from netdoctor_tui.look import look_of
from netdoctor_tui.start import Start, run

__all__ = ["Start", "look_of", "run"]
