"""Rulesets as engines write them: Docker's and kube-proxy's chains around the network at hand."""

from __future__ import annotations

from ipaddress import ip_interface

from tests.agreement.rules.pool import Pool
from tests.agreement.rules.xtables import rule


def docker(pool: Pool, sets: tuple[str, ...]) -> str:
    """Docker's filter and nat tables for the bridges of this namespace; at times something is missing."""
    bridges = [d for d in pool.devices if d.kind == "bridge"] or [d for d in pool.devices if d.addresses][:2]
    subnets = {d.name: str(ip_interface(d.addresses[0]).network) for d in bridges if d.addresses}
    policy = pool.pick("DROP", "DROP", "ACCEPT")
    filter_ = ["*filter", ":INPUT ACCEPT [0:0]", f":FORWARD {policy} [0:0]", ":OUTPUT ACCEPT [0:0]"]
    filter_ += [
        f":{name} - [0:0]"
        for name in ("DOCKER", "DOCKER-ISOLATION-STAGE-1", "DOCKER-ISOLATION-STAGE-2", "DOCKER-USER")
    ]
    filter_ += ["-A FORWARD -j DOCKER-USER", "-A FORWARD -j DOCKER-ISOLATION-STAGE-1"]
    for each in bridges:
        name = each.name
        filter_ += [
            f"-A FORWARD -o {name} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
            f"-A FORWARD -o {name} -j DOCKER",
            f"-A FORWARD -i {name} ! -o {name} -j ACCEPT",
            f"-A FORWARD -i {name} -o {name} -j {pool.pick('ACCEPT', 'ACCEPT', 'DROP')}",
            f"-A DOCKER-ISOLATION-STAGE-1 -i {name} ! -o {name} -j DOCKER-ISOLATION-STAGE-2",
        ]
        if pool.chance(0.6):
            filter_.append(f"-A DOCKER-ISOLATION-STAGE-2 -o {name} -j DROP")
        if pool.chance(0.4):
            filter_.append(
                f"-A DOCKER -d {pool.dst}/32 ! -i {name} -o {name} -p tcp -m tcp --dport 80 -j ACCEPT"
            )
    filter_ += ["-A DOCKER-ISOLATION-STAGE-1 -j RETURN", "-A DOCKER-ISOLATION-STAGE-2 -j RETURN"]
    if pool.chance(0.5):
        filter_.append(rule(pool, "filter", "DOCKER-USER", "", (), sets))
    filter_ += ["-A DOCKER-USER -j RETURN", "COMMIT", ""]
    return "\n".join(filter_) + _docker_nat(pool, subnets)


def _docker_nat(pool: Pool, subnets: dict[str, str]) -> str:
    nat = [
        "*nat",
        *(f":{hook} ACCEPT [0:0]" for hook in ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING")),
        ":DOCKER - [0:0]",
    ]
    nat += [
        "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
        "-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER",
    ]
    for name, subnet in subnets.items():
        if pool.chance(0.85):
            nat.append(f"-A POSTROUTING -s {subnet} ! -o {name} -j MASQUERADE")
        nat.append(f"-A DOCKER -i {name} -j RETURN")
        nat.append(f"-A DOCKER ! -i {name} -p tcp -m tcp --dport 8080 -j DNAT --to-destination {pool.dst}:80")
    return "\n".join([*nat, "COMMIT", ""])


def kube(pool: Pool, sets: tuple[str, ...]) -> str:
    """kube-proxy's marks and masquerading, and kube-firewall."""
    pods = pool.around(pool.src)
    lines = [
        "*filter",
        ":INPUT ACCEPT [0:0]",
        f":FORWARD {pool.pick('DROP', 'ACCEPT')} [0:0]",
        ":OUTPUT ACCEPT [0:0]",
        ":KUBE-FIREWALL - [0:0]",
        ":KUBE-FORWARD - [0:0]",
        ":KUBE-SERVICES - [0:0]",
        "-A INPUT -j KUBE-FIREWALL",
        '-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD',
        "-A FORWARD -m conntrack --ctstate NEW -j KUBE-SERVICES",
        "-A OUTPUT -j KUBE-FIREWALL",
        "-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP",
        "-A KUBE-FIREWALL -m mark --mark 0x8000/0x8000 -j DROP",
        "-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP",
        "-A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT",
        "-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    ]
    if pool.chance(0.7):
        lines += [f"-A FORWARD -s {pods} -j ACCEPT", f"-A FORWARD -d {pool.around(pool.dst)} -j ACCEPT"]
    if pool.chance(0.4):
        lines.append(
            f"-A KUBE-SERVICES -d {pool.dst}/32 -p tcp -m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable"
        )
    if pool.chance(0.3):
        lines.append(rule(pool, "filter", "KUBE-SERVICES", "", (), sets))
    lines += [
        "COMMIT",
        "*nat",
        *(f":{hook} ACCEPT [0:0]" for hook in ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING")),
    ]
    lines += [
        f":{chain} - [0:0]"
        for chain in ("KUBE-MARK-MASQ", "KUBE-POSTROUTING", "KUBE-SERVICES", "KUBE-SVC-A", "KUBE-SEP-A")
    ]
    service = pool.pick(pool.dst, "10.96.0.10")
    backend = pool.rng.choice(pool.draft.endpoints).address
    lines += [
        "-A PREROUTING -j KUBE-SERVICES",
        "-A OUTPUT -j KUBE-SERVICES",
        "-A POSTROUTING -j KUBE-POSTROUTING",
        f"-A KUBE-SERVICES -d {service}/32 {pool.pick('-p tcp -m tcp --dport 80', '-p icmp', '-p icmp')} -j KUBE-SVC-A",
        f"-A KUBE-SVC-A ! -s {pods} -j KUBE-MARK-MASQ",
        "-A KUBE-SVC-A -j KUBE-SEP-A",
        f"-A KUBE-SEP-A -s {pool.dst}/32 -j KUBE-MARK-MASQ",
        f"-A KUBE-SEP-A {pool.pick('-p tcp', '-p icmp')} -j DNAT --to-destination {backend}",
        "-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000",
        "-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN",
        "-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0",
        "-A KUBE-POSTROUTING -j MASQUERADE",
        "COMMIT",
        "",
    ]
    return "\n".join(lines)
