"""FWL002: the policy of a base chain drops the packet."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.kernel.endings import RuleDropped
from netdoctor_checks import _firewall as fw
from netdoctor_checks._allowing import findings
from netdoctor_checks._stories import story


@check("FWL002")
def policy_drops(end: RuleDropped, case: Case) -> Iterator[Finding]:
    """No rule accepts the packet, and the policy of the chain is drop.

    ## What it means
    The packet went through the whole base chain and no rule of it decided. Then the chain's policy does, and it
    is drop. Docker and ufw set the policy of FORWARD so; a hand-written firewall does it on purpose, to allow
    only what is listed.

    ## Why it breaks the path
    `ipt_do_table()` ends with the verdict of the built-in chain's last entry, `nft_do_chain()` with the base
    chain's policy. A RETURN from the base chain leads there too. Forwarded packets meet FORWARD only: what INPUT
    allows does not concern them.

    ## See it yourself
    `iptables -S FORWARD | head -1`, or `nft list chain …`: `policy drop`. `iptables -vL FORWARD` counts in its
    first line what the policy decided.

    ## How to fix it
    Accept this traffic in the chain meant for it: DOCKER-USER under Docker, `ufw route allow` under ufw, else at
    the end of the base chain. Setting the policy to ACCEPT opens the host for everything.

    ## Often taken for
    `ip_forward` being off, or a missing route. Also for a rule: there is none to be found, since none matches.
    """
    if story(case, end) != "FWL002":
        return
    label = case.label(end.at)
    title = f"{fw.named(case, end)} in {label} drops {fw.packet(end)}: no rule accepts them"
    explanation = (
        f"At the {end.hook} hook of {label} no rule of {end.chain} decides on the packet, so its policy does, "
        f"and that is drop."
    )
    yield from findings(case, end, title, explanation)
