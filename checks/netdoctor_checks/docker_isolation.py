"""FWL004: Docker's own chains keep the networks apart."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.kernel.endings import RuleDropped
from netdoctor_checks import _firewall as fw
from netdoctor_checks._allowing import first_in_docker_user
from netdoctor_checks._stories import SAME_BRIDGE, story


@check("FWL004")
def docker_isolation(end: RuleDropped, case: Case) -> Iterator[Finding]:
    """Docker keeps these containers apart by design.

    ## What it means
    Docker writes chains that separate its bridges: DOCKER-ISOLATION-STAGE-1 and -2 drop what goes from one bridge
    network to another, `-i BRIDGE -o BRIDGE -j DROP` is a network with inter-container communication off
    (icc=false), the DOCKER chain drops what is sent to an unpublished port, and rules in raw PREROUTING what
    reaches a container's address directly from outside.

    ## Why it breaks the path
    The rules are met at the forward (or prerouting) hook before any accept of the administrator's, except for
    those in DOCKER-USER, which FORWARD enters first.

    ## See it yourself
    `iptables -S DOCKER-ISOLATION-STAGE-2`, `iptables -S DOCKER`, `docker network inspect NETWORK`. The rules come
    back with every restart of the daemon.

    ## How to fix it
    If the two are meant to talk, connect one of them to the other's network (`docker network connect`): that is
    Docker's way. An accept in DOCKER-USER lets this pair through. Deleting Docker's rules lasts until its next
    restart.

    ## Often taken for
    A broken network: it works as designed. With `bridge-nf-call-iptables` 0 the rules inside one bridge have no
    effect, which makes the same setup pass on one host and fail on another.
    """
    if story(case, end) != "FWL004":
        return
    label = case.label(end.at)
    title = f"{fw.named(case, end)} in {label} drops {fw.packet(end)}: {fw.said(end)} (Docker, by design)"
    explanation = f"{_purpose(end, label)}. Docker wrote it, and writes it again when it restarts."
    yield from first_in_docker_user(case, end, title, explanation)


def _purpose(end: RuleDropped, label: str) -> str:
    """What the rule is for."""
    if "ISOLATION-STAGE" in end.chain:
        return f"{label} forwards between two Docker networks, and this rule keeps them apart"
    if SAME_BRIDGE.search(end.text):
        return "The rule keeps the containers of one network apart: inter-container communication is off for it (icc)"
    return f"The rule keeps out what {label} was not told to publish"
