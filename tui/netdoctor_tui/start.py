"""From what the command line gives to a running app, and back to an exit code."""

from __future__ import annotations

from msgspec import Struct

from netdoctor.endpoints import Request
from netdoctor.report import Report
from netdoctor_tui.look import Look
from netdoctor_tui.source import Source


class Start(Struct, frozen=True):
    """What the app begins with. `may_change` says that the system may be touched, `may_send` that packets may be sent.

    Without a `request` the namespaces are shown, to pick two of them.
    """

    source: Source
    request: Request | None = None
    look: Look = Look()
    may_send: bool = True
    may_change: bool = False
    redact: bool = False


def run(start: Start) -> Report | None:
    """Run the app until it is left, and return the report whose finding is to be printed. Raises what went wrong in it.

    Raises KeyboardInterrupt where it was left because of a signal; the terminal is as it was in any case.
    """
    from netdoctor_tui.app import NetdoctorApp
    from netdoctor_tui.live.leaving import Leaving

    app = NetdoctorApp(start)
    with Leaving(app.leave) as leaving:
        report = app.run()
    if leaving.asked is not None:
        raise KeyboardInterrupt
    if app.failure is not None:
        raise app.failure
    return report
