"""Further rulesets in iptables' words as engines write them: Docker 28, kube-proxy, Calico, ufw."""

from __future__ import annotations

from tests.agreement.rules.pool import Pool
from tests.agreement.rules.xtables import rule

NAT_HOOKS = ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING")


def _table(name: str, policies: dict[str, str], users: tuple[str, ...], rules: list[str]) -> str:
    heads = [f":{hook} {policy} [0:0]" for hook, policy in policies.items()]
    return "\n".join([f"*{name}", *heads, *(f":{user} - [0:0]" for user in users), *rules, "COMMIT", ""])


def _accepting(*hooks: str) -> dict[str, str]:
    return dict.fromkeys(hooks, "ACCEPT")


def docker28(pool: Pool, sets: tuple[str, ...]) -> str:
    """Docker 28: DOCKER-FORWARD and its chains, direct access shut in raw, published ports."""
    bridges = [device.name for device in pool.devices if device.kind == "bridge"] or [pool.device()]
    users = ("DOCKER", "DOCKER-BRIDGE", "DOCKER-CT", "DOCKER-FORWARD", "DOCKER-ISOLATION-STAGE-1",
             "DOCKER-ISOLATION-STAGE-2", "DOCKER-USER")  # fmt: skip
    rules = ["-A FORWARD -j DOCKER-USER", "-A FORWARD -j DOCKER-FORWARD", "-A DOCKER-FORWARD -j DOCKER-CT",
             "-A DOCKER-FORWARD -j DOCKER-ISOLATION-STAGE-1", "-A DOCKER-FORWARD -j DOCKER-BRIDGE"]  # fmt: skip
    raw, nat, port = [], [], pool.question.port or 80
    for name in bridges:
        rules += [
            f"-A DOCKER-CT -o {name} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
            f"-A DOCKER-BRIDGE -o {name} -j DOCKER",
            f"-A DOCKER-FORWARD -i {name} -j ACCEPT",
            f"-A DOCKER-ISOLATION-STAGE-1 -i {name} ! -o {name} -j DOCKER-ISOLATION-STAGE-2",
            f"-A DOCKER-ISOLATION-STAGE-2 -o {name} -j DROP",
        ]
        if pool.chance(0.5):
            rules.append(f"-A DOCKER -d {pool.dst}/32 ! -i {name} -o {name} -p tcp -m tcp --dport {port} -j ACCEPT")
        if pool.chance(0.7):
            rules.append(f"-A DOCKER ! -i {name} -o {name} -j DROP")
        if pool.chance(0.3):
            raw.append(f"-A PREROUTING -d {pool.dst}/32 ! -i {name} -j DROP")
        nat += [
            f"-A POSTROUTING -s {pool.around(pool.dst)} ! -o {name} -j MASQUERADE",
            f"-A DOCKER ! -i {name} -p tcp -m tcp --dport {pool.pick(str(port), '8080')} "
            f"-j DNAT --to-destination {pool.dst}:{port}",
        ]
    if pool.chance(0.3):
        rules.append(rule(pool, "filter", "DOCKER-USER", "", (), sets))
    nat = ["-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
           "-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER", *nat]  # fmt: skip
    hooks = {"INPUT": "ACCEPT", "FORWARD": pool.pick("DROP", "ACCEPT"), "OUTPUT": "ACCEPT"}
    text = _table("filter", hooks, users, rules) + _table("nat", _accepting(*NAT_HOOKS), ("DOCKER",), nat)
    return text + (_table("raw", _accepting("PREROUTING"), (), raw) if raw else "")


def kube_endpoints(pool: Pool, sets: tuple[str, ...]) -> str:
    """kube-proxy: the destination is a Service's address, with two endpoints taken at random."""
    some = pool.rng.choice(pool.draft.endpoints).address
    first, second = (pool.dst, pool.dst) if pool.chance(0.6) else (some, some) if pool.chance(0.9) else (pool.dst, some)
    protocol = pool.proto
    port = f":{pool.question.port}" if protocol != "icmp" else ""
    which = f"-p {protocol}" + (f" -m {protocol} --dport {pool.question.port}" if port else "")
    users = ("KUBE-SERVICES", "KUBE-SVC-X", "KUBE-SEP-A", "KUBE-SEP-B", "KUBE-MARK-MASQ", "KUBE-POSTROUTING")
    comment = '-m comment --comment "default/web:http cluster IP"'
    rules = [
        "-A PREROUTING -j KUBE-SERVICES",
        "-A OUTPUT -j KUBE-SERVICES",
        "-A POSTROUTING -j KUBE-POSTROUTING",
        f"-A KUBE-SERVICES -d {pool.dst}/32 {which} {comment} -j KUBE-SVC-X",
        f"-A KUBE-SVC-X ! -s {pool.around(pool.pick(pool.src, pool.dst))} -j KUBE-MARK-MASQ",
        f"-A KUBE-SVC-X {comment} -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-A",
        "-A KUBE-SVC-X -j KUBE-SEP-B",
        f"-A KUBE-SEP-A -s {first}/32 -j KUBE-MARK-MASQ",
        f"-A KUBE-SEP-A -p {protocol} -j DNAT --to-destination {first}{port}",
        f"-A KUBE-SEP-B -s {second}/32 -j KUBE-MARK-MASQ",
        f"-A KUBE-SEP-B -p {protocol} -j DNAT --to-destination {second}{port}",
        "-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000",
        "-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN",
        "-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0",
        "-A KUBE-POSTROUTING -j MASQUERADE" + pool.pick("", " --random-fully"),
    ]
    return _table("nat", _accepting(*NAT_HOOKS), users, rules)


def calico(pool: Pool, sets: tuple[str, ...]) -> str:
    """Calico's dispatch by device, policies that mark what they let through, and profiles."""
    device = pool.device()
    users = ("cali-FORWARD", "cali-from-wl-dispatch", "cali-to-wl-dispatch", "cali-tw-x", "cali-fw-x", "cali-pi-x",
             "cali-pri-x")  # fmt: skip
    source = f"-s {pool.around(pool.src)}"
    listed = [name.split()[0] for name in sets if name.startswith(("s-ip ", "s-net "))]
    if listed and pool.chance(0.7):
        source = f"-m set --match-set {pool.pick(*listed)} src"
    rules = [
        "-A FORWARD -j cali-FORWARD",
        "-A FORWARD -m mark --mark 0x10000/0x10000 -j ACCEPT",
        "-A cali-FORWARD -j MARK --set-xmark 0x0/0xe0000",
        f"-A cali-FORWARD -i {device[:3]}+ -j cali-from-wl-dispatch",
        f"-A cali-FORWARD -o {device[:3]}+ -j cali-to-wl-dispatch",
        f"-A cali-from-wl-dispatch -i {device} -g cali-fw-x",
        f"-A cali-to-wl-dispatch -o {device} -g cali-tw-x",
        "-A cali-fw-x -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-A cali-fw-x -m conntrack --ctstate INVALID -j DROP",
        "-A cali-fw-x -j MARK --set-xmark 0x10000/0x10000",
        "-A cali-tw-x -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-A cali-tw-x -m conntrack --ctstate INVALID -j DROP",
        "-A cali-tw-x -j MARK --set-xmark 0x0/0x30000",
        "-A cali-tw-x -m mark --mark 0x0/0x20000 -j cali-pi-x",
        "-A cali-tw-x -m mark --mark 0x10000/0x10000 -j RETURN",
        "-A cali-tw-x -j cali-pri-x",
        "-A cali-tw-x -m mark --mark 0x10000/0x10000 -j RETURN",
        f"-A cali-pi-x {source} -p {pool.pick(pool.proto, pool.proto, 'tcp')} -j MARK --set-xmark 0x10000/0x10000",
        "-A cali-pi-x -m mark --mark 0x10000/0x10000 -j RETURN",
    ]
    rules += ["-A cali-pri-x -j MARK --set-xmark 0x10000/0x10000"] if pool.chance(0.4) else []
    rules += ["-A cali-tw-x -j DROP"] if pool.chance(0.8) else []
    return _table("filter", {**_accepting("INPUT", "FORWARD", "OUTPUT")}, users, rules)


def ufw(pool: Pool, sets: tuple[str, ...]) -> str:
    """ufw: refusing by default, with logging behind a limit."""
    users = ("ufw-before-input", "ufw-user-input", "ufw-before-forward", "ufw-user-forward", "ufw-logging-deny",
             "ufw-not-local")  # fmt: skip
    port = f" --dport {pool.question.port}" if pool.proto != "icmp" else " --icmp-type 8"
    rules = [
        "-A INPUT -j ufw-before-input",
        "-A FORWARD -j ufw-before-forward",
        "-A ufw-before-input -i lo -j ACCEPT",
        "-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-A ufw-before-input -m conntrack --ctstate INVALID -j ufw-logging-deny",
        "-A ufw-before-input -m conntrack --ctstate INVALID -j DROP",
        "-A ufw-before-input -j ufw-not-local",
        "-A ufw-before-input -j ufw-user-input",
        "-A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN",
        "-A ufw-not-local -m addrtype --dst-type MULTICAST -j RETURN",
        "-A ufw-not-local -m limit --limit 3/min --limit-burst 10 -j ufw-logging-deny",
        "-A ufw-not-local -j DROP",
        "-A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-A ufw-before-forward -j ufw-user-forward",
        '-A ufw-logging-deny -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix "[UFW BLOCK] "',
    ]
    if pool.chance(0.7):
        rules.append(f"-A ufw-user-input -p {pool.proto}{port} -j ACCEPT")
    if pool.chance(0.7):
        rules.append(f"-A ufw-user-forward -s {pool.around(pool.src)} -p {pool.proto}{port} -j ACCEPT")
    return _table("filter", {"INPUT": "DROP", "FORWARD": "DROP", "OUTPUT": "ACCEPT"}, users, rules)


def marked_ways(pool: Pool, sets: tuple[str, ...]) -> str:
    """Several uplinks: connections get a mark on their way in, and their answers get it back."""
    mark = f"{pool.mark():#x}"
    rules = [
        "-A PREROUTING -j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff",
        "-A PREROUTING -m mark ! --mark 0x0/0xff -j ACCEPT",
        f"-A PREROUTING -i {pool.device()} -j MARK --set-xmark {mark}/0xff",
        f"-A PREROUTING -m conntrack --ctstate {pool.pick('NEW', 'NEW,ESTABLISHED')} -j CONNMARK --save-mark "
        "--nfmask 0xff --ctmask 0xff",
        "-A OUTPUT -j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff",
        f"-A POSTROUTING -o {pool.device()} -m mark --mark {mark}/0xff -j {pool.pick('ACCEPT', 'ACCEPT', 'DROP')}",
    ]
    if pool.chance(0.3):
        zone = f"-A PREROUTING -i {pool.device()} -j CT --zone {pool.pick('1', '2')}"
        raw = _table("raw", _accepting("PREROUTING", "OUTPUT"), (), [zone])
        return raw + _table("mangle", _accepting("PREROUTING", "OUTPUT", "POSTROUTING"), (), rules)
    return _table("mangle", _accepting("PREROUTING", "OUTPUT", "POSTROUTING"), (), rules)


ENGINES = (docker28, kube_endpoints, calico, ufw, marked_ways)
