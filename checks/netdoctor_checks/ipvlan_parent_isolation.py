"""LNK012: an ipvlan and the host that has its parent cannot talk to one another."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.kernel.endings import Ending
from netdoctor.kernel.packet import Place
from netdoctor_checks._stacked import data, met, slaves


@check("LNK012")
def ipvlan_parent_isolation(end: Ending, case: Case) -> Iterator[Finding]:
    """An ipvlan interface cannot talk to the device it stands on.

    ## What it means
    One of the two is an ipvlan, the other is the host that has the parent device, at the parent's address. This is by
    design, in every mode, and not damage.

    ## Why it breaks the path
    What the host sends by the parent goes to the wire; only what comes in from there is looked up among the slaves
    (ipvlan_handle_frame()). In mode L2 the broadcasts of a slave go to its siblings and to the wire, never to the
    host's own stack (ipvlan_process_multicast()), so not even ARP is answered.

    ## See it yourself
    `ip -d link show dev DEV` prints `DEV@PARENT … ipvlan`; the other machines of the network reach both. `tcpdump` on
    the parent sees the host's ARP requests leave, and nobody answers.

    ## How to fix it
    Let the host have another way: a second interface, a pair, or an ipvlan of its own over the same parent, with an
    address of its own, through which it is asked instead. In mode L3 a route of the host does not help.

    ## Often taken for
    A firewall of the host: everything else answers, only container and host do not see one another.
    """
    goals = {case.target, end.flow.asker.address if end.flow.asker is not None else case.target}
    for place in met(case, end):
        parent = case.peer(place) if data(case, place) is not None else None
        if parent is not None and goals & {ifa.local for ifa in case.addresses(parent)}:
            yield _finding(case, place, parent)
            return
        for child in slaves(case, place) if end.at == place else []:
            if goals & {ifa.local for ifa in case.addresses(child)} and _own(case, end, place):
                yield _finding(case, child, place)
                return


def _own(case: Case, end: Ending, parent: Place) -> bool:
    """The packet was sent by the namespace that has the parent: it did not come in by it."""
    steps = (case.walk.steps[number] for number in case.walk.chain(end.step))
    return not any(step.at == parent and step.stage == "receive" for step in steps)


def _finding(case: Case, child: Place, parent: Place) -> Finding:
    name, lower = case.name(child), case.name(parent)
    return Finding(
        f"{case.where(child)} is an ipvlan over {lower} in {case.label(parent)}, and the two cannot reach one another",
        f"Between an ipvlan and the host of its parent {lower} nothing is handed over: what the one sends goes out to "
        "the wire. The two are kept apart by design.",
        child,
        (
            Proof(f"{name} is an ipvlan", case.ip(child, "-d", "link", "show", "dev", name)),
            Proof(f"{lower} is its parent", case.ip(parent, "-d", "link", "show", "dev", lower)),
        ),
    )
