"""What the checks for dropped packets say of a rule: its name, who wrote it, the commands that show it."""

from __future__ import annotations

import re

from netdoctor.case import Case
from netdoctor.check import Proof
from netdoctor.facts.firewall import FirewallText
from netdoctor.fix import command
from netdoctor.fix.command import Argv
from netdoctor.fix.firewall import Spot, native, tool
from netdoctor.kernel.endings import RuleDropped
from netdoctor.kernel.netfilter.model import FirewallRule
from netdoctor.kernel.netfilter.model import Place as Where
from netdoctor.kernel.netfilter.ruleset import ruleset_of
from netdoctor.kernel.packet import IPPROTO_ICMP, IPPROTO_TCP, Arp, Place

#: Who names its chains so; the first that fits counts.
AUTHORS = (
    (r"DOCKER-USER", "the administrator, in the chain that Docker leaves for it"),
    (r"DOCKER", "Docker"),
    (r"ufw6?-", "ufw"),
    (r"KUBE-(POD-FW|NWPLCY|ROUTER)", "kube-router"),
    (r"KUBE-FIREWALL", "the kubelet"),
    (r"KUBE-", "kube-proxy"),
    (r"(.*-)?cali-", "Calico (Felix)"),
    (r"NETAVARK", "netavark (Podman)"),
    (r"CNI-|cni-", "a CNI plugin"),
    (r"FLANNEL-", "flannel"),
    (r"CILIUM_", "Cilium"),
    (r"WEAVE", "Weave Net"),
    (r"LIBVIRT_", "libvirt"),
    (r"f2b-", "fail2ban"),
    (r"ts-", "Tailscale"),
    (r"ISTIO_", "Istio"),
    (r"(FWD[IO]?|IN|PRE|POST|FORWARD|INPUT)_(?!INVALID$)", "firewalld"),
)
TABLES = {
    "firewalld": "firewalld",
    "kube-proxy": "kube-proxy",
    "netavark": "netavark (Podman)",
    "calico": "Calico (Felix)",
    "docker-bridges": "Docker",
    "cilium": "Cilium",
    "incus": "Incus",
    "lxd": "LXD",
    "libvirt_network": "libvirt",
}

#: A set or map in the text of a rule: `@allowed` and `vmap @zones` in nft, `--match-set allowed` in iptables.
_SETS = re.compile(r"(map )?(?:(?<=[ !])@|--match-set )([\w.:-]+)")


def author(end: RuleDropped) -> str | None:
    """Who wrote the rule, as far as table and chain tell."""
    if end.table in TABLES:
        return TABLES[end.table]
    return next((who for pattern, who in AUTHORS if re.match(pattern, end.chain)), None)


def written_by(end: RuleDropped) -> str:
    """A sentence that says who wrote the rule, and what becomes of a change made past them; or nothing."""
    who = author(end)
    if who is None:
        return ""
    again = "" if end.chain == "DOCKER-USER" else ", and may write it again: to last, a change belongs there"
    return f" The chain's name says that {who} wrote it{again}."


def at(end: RuleDropped) -> Place:
    """Where the fault is: rules belong to a namespace, those at ingress and egress to a device."""
    return end.at if end.hook in ("ingress", "egress") else Place(end.at.inode, 0)


def packet(end: RuleDropped) -> str:
    """What is dropped, in a few words and the plural: the rule does the same to the next one."""
    if isinstance(end.packet, Arp):
        kind = "request" if end.packet.request else "reply"
        return f"the ARP {kind} from {end.packet.sip} for {end.packet.tip}"
    one, back = end.packet, end.flow.leg == "reply"
    if one.inner is not None:
        return f"VXLAN packets from {one.src} to {one.dst}"
    if one.proto == IPPROTO_ICMP:
        return f"echo {'replies' if back else 'requests'} from {one.src} to {one.dst}"
    kind = (
        ("SYN-ACKs" if back else "SYNs") if one.proto == IPPROTO_TCP else ("answers" if back else "datagrams")
    )
    name = "tcp" if one.proto == IPPROTO_TCP else "udp"
    if back:
        return f"{kind} from {one.src} {name} port {one.sport} to {one.dst}"
    return f"{kind} from {one.src} to {one.dst} {name} port {one.dport}"


def backend(case: Case, end: RuleDropped) -> str:
    """The tool that shows the table: iptables-legacy, iptables-nft, nft and so on."""
    spot = Spot(end.backend, end.family, end.table, end.chain)
    return "nft" if native(case.ns(end.at), spot) else tool(spot)


def named(case: Case, end: RuleDropped) -> str:
    """The rule by number, chain and table, or the policy."""
    nft = backend(case, end) == "nft"
    table = f"table {end.family} {end.table}" if nft else f"table {end.table}, {backend(case, end)}"
    what = "the policy" if end.number is None else f"rule {end.number}"
    return f"{what} of chain {end.chain} ({table})"


def said(end: RuleDropped) -> str:
    """What the rule reads, or that the chain's policy is drop."""
    return "policy DROP" if end.number is None else end.text


def rule_of(case: Case, end: RuleDropped) -> FirewallRule | None:
    """The rule that decided, decoded; None for a policy."""
    where = Where(end.backend, end.family, end.table, end.chain)  # type: ignore[arg-type]
    try:
        rules = ruleset_of(case.ns(end.at)).rules(where) if end.number is not None else ()
    except KeyError:
        return None
    return next((rule for rule in rules if rule.number == end.number), None)


def spot_of(case: Case, end: RuleDropped) -> Spot:
    """Where the rule stands."""
    rule = rule_of(case, end)
    is_native = backend(case, end) == "nft"
    handle = rule.handle if rule is not None and is_native else None
    return Spot(end.backend, end.family, end.table, end.chain, end.number, handle)


def tables(case: Case, end: RuleDropped) -> list[FirewallText]:
    """The table that decided, as text."""
    key = end.backend, end.family, end.table
    return [item for item in case.ns(end.at).firewall() if (item.backend, item.family, item.table) == key]


def chain_command(case: Case, end: RuleDropped, *chain: str) -> Argv:
    """The command that lists a chain with counters; the table is loaded, so that reading it creates nothing."""
    name = chain[0] if chain else end.chain
    program = backend(case, end)
    if program == "nft":
        words: Argv = ("nft", "-a", "list", "chain", end.family, end.table, name)
    elif program.startswith("ebtables"):
        words = (program, "-t", end.table, "-L", name, "--Ln", "--Lc")
    elif program.startswith("arptables"):
        words = (program, "-t", end.table, "-L", name, "-n", "-v")
    else:
        words = (program, "-t", end.table, "-v", "-S", name)
    return command.enter(case.id(end.at), words)


def evidence(case: Case, end: RuleDropped) -> tuple[Proof, ...]:
    """The rule itself, the one that led there, and the sets it asks."""
    is_policy = end.number is None
    line = (
        f"the policy of {end.chain} is drop"
        if is_policy
        else f"rule {end.number} of {end.chain} reads: {end.text}"
    )
    found = [Proof(line, chain_command(case, end))]
    if end.before:
        chain, number, text = end.before[-1]
        found.append(Proof(f"rule {number} of {chain} leads there: {text}", chain_command(case, end, chain)))
    found += [
        _members(case, end, map_word, name) for map_word, name in dict.fromkeys(_SETS.findall(end.text))
    ]
    return tuple(found)


def _members(case: Case, end: RuleDropped, map_word: str, name: str) -> Proof:
    """The set (or map) that a rule asks, listed."""
    kind = "map" if map_word else "set"
    words: Argv = ("ipset", "list", name)
    if backend(case, end) == "nft":
        words = ("nft", "list", kind, end.family, end.table, name)
    return Proof(
        f"the members of the {kind} {name}, which the rule asks", command.enter(case.id(end.at), words)
    )
