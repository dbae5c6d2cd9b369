"""Which of the checks for a dropped packet tells its story: the most particular one that is true."""

from __future__ import annotations

import re

from netdoctor.case import Case
from netdoctor.kernel.endings import RuleDropped
from netdoctor.kernel.netfilter.branch import Hit
from netdoctor.kernel.netfilter.model import State
from netdoctor.kernel.packet import Arp, Ip
from netdoctor_checks import _firewall as fw

POLICY_CHAINS = re.compile(r"(.*-)?cali-|KUBE-(POD-FW|NWPLCY|ROUTER)|cni-|WEAVE-NPC|CILIUM_|NETPOL")
#: Chains of kube-proxy's nftables mode that refuse what it does not translate.
NO_SERVICE = ("reject-chain", "cluster-ips-check")
#: In iptables mode a comment says so, in nftables mode the name of the map.
_NO_ENDPOINTS = re.compile(r"has no (local )?endpoints|@no-endpoint-(services|nodeports)\b")
_SERVICE = re.compile(r'([^\s"]+/[^\s"]+?) has no (?:local )?endpoints')
SAME_BRIDGE = re.compile(r"-i (\S+) -o \1 ")


def story(case: Case, end: RuleDropped) -> str:
    """The code of the check that explains this drop."""
    return next(
        (code for code, tells in _STORIES if tells(case, end)), "FWL002" if end.number is None else "FWL001"
    )


def service_of(case: Case, end: RuleDropped) -> str | None:
    """The Service that kube-proxy names in the rule's comment, or in that of the map's element for the address."""
    found = _SERVICE.search(end.text)
    if found is not None or isinstance(end.packet, Arp):
        return found[1] if found else None
    texts = " ".join(item.text for item in fw.tables(case, end))
    element = re.search(rf'"{re.escape(end.packet.dst)}"[^{{}}]*}}, "comment": "([^"]+)"', texts)
    return element[1] if element else None


def _invalid(case: Case, end: RuleDropped) -> bool:
    rule = fw.rule_of(case, end)
    states = [match for match in rule.matches if isinstance(match, State)] if rule is not None else []
    return end.state == "INVALID" and any(
        match.states == ("INVALID",) and not match.negated for match in states
    )


def _isolation(case: Case, end: RuleDropped) -> bool:
    return "ISOLATION-STAGE" in end.chain


def _unknown_answer(case: Case, end: RuleDropped) -> bool:
    """A reply, and a rule that is not about replies; the namespace's own output is its own affair."""
    aimed = "echo-reply" in end.text or "icmp-type 0" in end.text or end.reject is not None
    own = end.hook == "output" and end.number is not None
    own |= isinstance(end.packet, Ip) and end.packet.inner is not None
    return (
        end.flow.leg == "reply"
        and isinstance(end.packet, Ip)
        and end.state == "ESTABLISHED"
        and not aimed
        and not own
    )


def _docker(case: Case, end: RuleDropped) -> bool:
    if end.chain == "DOCKER-USER":
        return False
    if end.chain.startswith("DOCKER") or end.table == "docker-bridges":
        return True
    here = any(":DOCKER" in item.text for item in case.ns(end.at).firewall())
    direct = end.table == "raw" and end.chain == "PREROUTING" and "! -i " in end.text
    return here and (direct or (end.chain == "FORWARD" and bool(SAME_BRIDGE.search(end.text))))


def hidden(case: Case, end: RuleDropped) -> bool:
    """The rule is in the backend in which a person does not look: the legacy one, or the emptier one."""
    if end.family != "ip":
        return False
    texts = [item for item in case.ns(end.at).firewall() if item.family in ("ip", "inet")]
    count = {kind: sum(i.text.count("-A ") for i in texts if i.backend == kind) for kind in ("legacy", "nft")}
    if end.backend == "legacy":
        return any(item.backend == "nft" for item in texts)
    return fw.backend(case, end) == "iptables-nft" and count["legacy"] > count["nft"]


def accepted_earlier(case: Case, end: RuleDropped) -> Hit | None:
    """The rule of another table that accepted this packet at the same hook, before this one dropped it."""
    own = end.backend, end.family, end.table
    for number in reversed(case.walk.chain(end.step)):
        step = case.walk.steps[number]
        if step.stage != "netfilter" or step.at != end.at or not step.detail.startswith(f"{end.hook}:"):
            continue
        last = step.facts[-1] if step.facts else None
        if (
            not isinstance(last, Hit)
            or last.verdict != "accept"
            or last.place.table in ("raw", "mangle", "nat")
        ):
            continue
        if (last.place.backend, last.place.family, last.place.table) != own:
            return last
    return None


def endpoint(case: Case, end: RuleDropped) -> str | None:
    """`source` or `destination` where the rule is in a container of that end, not in one that others live behind."""
    ns = case.ns(end.at)
    devices = [link for link in ns.links() if not link.loopback]
    outer = isinstance(end.packet, Ip) and end.packet.inner is not None
    if outer or ns.id.is_host or len(devices) > 2 or any(link.kind == "bridge" for link in devices):
        return None
    if end.hook not in ("input", "output") and len(devices) > 1:
        return None
    if end.at.inode == case.walk.asker:
        return "source"
    if end.hook in ("input", "output"):
        return "destination"
    return "destination" if any(own.inode == end.at.inode for own in case.owners(case.target)) else None


_STORIES = (
    ("NAT004", lambda case, end: bool(_NO_ENDPOINTS.search(end.text)) or end.chain in NO_SERVICE),
    ("CTK001", _invalid),
    ("CTK003", lambda case, end: end.state == "UNTRACKED" and end.family in ("ip", "inet")),
    ("FWL006", lambda case, end: end.family == "bridge"),
    ("FWL007", lambda case, end: end.family == "arp"),
    ("FWL008", lambda case, end: end.hook in ("ingress", "egress")),
    ("FWL004", _isolation),
    ("FWL010", lambda case, end: bool(POLICY_CHAINS.match(end.chain))),
    ("FWL009", lambda case, end: endpoint(case, end) is not None),
    ("CTK002", _unknown_answer),
    ("FWL004", _docker),
    ("FWL011", hidden),
    ("FWL012", lambda case, end: accepted_earlier(case, end) is not None),
    ("FWL005", lambda case, end: end.bridged and not SAME_BRIDGE.search(end.text)),
    ("FWL003", lambda case, end: end.reject is not None),
)
