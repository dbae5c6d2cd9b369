"""FWL010: the chains of a network policy drop the packet."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.kernel.endings import RuleDropped
from netdoctor_checks import _firewall as fw
from netdoctor_checks._allowing import findings
from netdoctor_checks._stories import story


@check("FWL010")
def network_policy_denies(end: RuleDropped, case: Case) -> Iterator[Finding]:
    """The chains of a network policy deny this traffic.

    ## What it means
    An agent turns Kubernetes NetworkPolicy objects (or the CNI plugin's isolation setting) into chains:
    `cali-tw-…` and `cali-fw-…` of Calico, KUBE-POD-FW-… and KUBE-NWPLCY-… of kube-router, `cni-…` of CNI plugins.
    As soon as one policy selects a pod, whatever no policy allows is dropped.

    ## Why it breaks the path
    Policies that allow set a mark; the last rule of a pod's chain drops what has none. Both ends count: the
    source's egress and the destination's ingress have chains of their own, and each has to allow.

    ## See it yourself
    `iptables -vS CHAIN` and the comments in it; `kubectl get networkpolicy -A`; `calicoctl get workloadendpoint`.
    Sets named by the rules must hold the peer: `ipset test SET ADDRESS`.

    ## How to fix it
    Add a policy that allows it. An accept put into the chain by hand proves the point and lasts until the agent
    writes its chains again; if a policy that ought to allow is there, the agent is behind: restart it.

    ## Often taken for
    A broken CNI plugin: other pods are reached, and the way works as soon as the policy goes. A mark that another
    program overwrites gives the same picture.
    """
    if story(case, end) != "FWL010":
        return
    label, who = case.label(end.at), fw.author(end) or "the policy agent"
    title = f"a network policy in {label} denies {fw.packet(end)}: {fw.named(case, end)}, {fw.said(end)}"
    explanation = (
        f"{who} wrote this chain: no policy allows the packet, and what none allows is dropped at the {end.hook} hook "
        f"of {label}."
    )
    yield from findings(case, end, title, explanation)
