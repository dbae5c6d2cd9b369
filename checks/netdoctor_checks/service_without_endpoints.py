"""NAT004: a Service has no endpoints."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.kernel.endings import RuleDropped
from netdoctor_checks import _firewall as fw
from netdoctor_checks._stories import service_of, story


@check("NAT004")
def service_without_endpoints(end: RuleDropped, case: Case) -> Finding | None:
    """A Service has no endpoint, so kube-proxy's rule refuses the packet.

    ## What it means
    kube-proxy writes a rule for each Service that no ready pod stands behind: REJECT, or DROP for a Service with
    the traffic policy Local that has no endpoint on this node. Its comment names the Service.

    ## Why it breaks the path
    Nothing translates the Service's address, as there is nothing to translate it to. The rule in KUBE-SERVICES or
    KUBE-EXTERNAL-SERVICES (in nftables the chain `reject-chain`) answers with ICMP port unreachable, so that
    clients do not wait.

    ## See it yourself
    `iptables-save | grep 'endpoints'` lists all Services in this state; `kubectl get endpointslices -l
    kubernetes.io/service-name=NAME` is empty, or has no ready address.

    ## How to fix it
    Get a pod ready behind it: compare the Service's selector with the labels of the pods, and look at why their
    readiness probe fails. No rule on the node can stand in for that; the rule goes by itself once there is an
    endpoint.

    ## Often taken for
    A firewall that forbids the Service's address. A ping to it says little in any case: Services answer only on
    their ports.
    """
    if story(case, end) != "NAT004":
        return None
    service, label = service_of(case, end), case.label(end.at)
    name = f"the Service {service}" if service else "the Service"
    if end.chain == "cluster-ips-check":
        return Finding(
            f"no Service takes {fw.packet(end)} there: {fw.named(case, end)} in {label} refuses them: {end.text}",
            f"The address is a Service's; kube-proxy on {label} translates only the ports that Services have, and "
            f"refuses all else, pings too. Ask for a port of the Service.",
            fw.at(end),
            fw.evidence(case, end),
            None,
            end.hook,
        )
    return Finding(
        f"{name} has no endpoints: {fw.named(case, end)} in {label} refuses {fw.packet(end)}",
        f"kube-proxy on {label} found no ready endpoint for {name} and wrote this rule in place of a translation. "
        f"What has to change is the Service or its pods, not the node: `kubectl get endpointslices`.",
        fw.at(end),
        fw.evidence(case, end),
        None,
        end.hook,
    )
