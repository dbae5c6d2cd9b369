"""FWL005: IP rules drop frames that a bridge merely passes on."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.kernel.endings import RuleDropped
from netdoctor_checks import _firewall as fw
from netdoctor_checks._allowing import findings
from netdoctor_checks._stories import story


@check("FWL005")
def bridge_netfilter_surprise(end: RuleDropped, case: Case) -> Iterator[Finding]:
    """IP firewall rules drop frames inside one bridge, because br_netfilter hands them over.

    ## What it means
    Both ends are on the same bridge; nothing is routed. Yet the packet met iptables: with
    `bridge-nf-call-iptables` 1 the module br_netfilter passes bridged IPv4 packets to the IP hooks, where a
    policy meant for routed traffic drops them.

    ## Why it breaks the path
    `br_nf_forward_ip()` runs the IP forward hook with the bridge as both interfaces. The switch belongs to the
    network namespace of the bridge, is 1 in each new one, and exists only while the module is loaded; Docker and
    kubelets load it. A bridge also has a switch of its own (`nf_call_iptables`).

    ## See it yourself
    `sysctl net.bridge.bridge-nf-call-iptables` prints 1, and the counter of the rule or policy goes up although
    no packet is routed. ARP resolves: only IP is lost.

    ## How to fix it
    Accept what stays on the bridge: `-i BRIDGE -o BRIDGE -j ACCEPT`, or just this pair. Setting the sysctl to 0
    also heals it, and breaks the NAT of Services and published ports between containers of one bridge.

    ## Often taken for
    A fault of the bridge: its ports forward and the FDB is right. It often begins when some other program loads
    the module, without any change of a rule.
    """
    if story(case, end) != "FWL005":
        return
    label = case.label(end.at)
    title = f"{fw.named(case, end)} in {label} drops bridged {fw.packet(end)}: {fw.said(end)}"
    explanation = (
        f"The frame stays on one bridge of {label}, but bridge-nf-call-iptables hands it to the IP {end.hook} hook, "
        f"and the rules for routed packets drop it.{fw.written_by(end)}"
    )
    shown = Proof(
        "bridged IPv4 packets are handed to iptables", case.sysctl(end.at, "bridge/bridge-nf-call-iptables")
    )
    yield from findings(case, end, title, explanation, (shown,))
