"""Random ipsets, in the language of ``ipset restore``."""

from __future__ import annotations

from tests.agreement.rules.pool import Pool


def random_sets(pool: Pool) -> tuple[str, tuple[str, ...]]:
    """The text of a few sets, and "NAME FIELDS" for each; both empty more often than not."""
    if pool.chance(0.6):
        return "", ()
    lines: list[str] = []
    names: list[str] = []
    for make in pool.rng.sample(MAKERS, pool.rng.randint(1, 3)):
        name, fields, text = make(pool)
        lines += text
        names.append(f"{name} {fields}")
    return "\n".join([*lines, ""]), tuple(names)


def _ip(pool: Pool) -> tuple[str, int, list[str]]:
    members = {pool.host() for _ in range(3)}
    return "s-ip", 1, ["create s-ip hash:ip", *(f"add s-ip {each}" for each in sorted(members))]


def _net(pool: Pool) -> tuple[str, int, list[str]]:
    host = pool.host()
    lines = ["create s-net hash:net", f"add s-net {_not_all(pool, pool.around(host))}"]
    if pool.chance(0.5):
        lines.append(f"add s-net {host}/32 nomatch")
    return "s-net", 1, lines


def _not_all(pool: Pool, prefix: str) -> str:
    return "0.0.0.0/1" if prefix.endswith("/0") else prefix


def _port(pool: Pool) -> tuple[str, int, list[str]]:
    members = {f"{pool.host()},{pool.pick('icmp:8/0', 'icmp:0/0', 'tcp:80', 'udp:53')}" for _ in range(3)}
    return "s-port", 2, ["create s-port hash:ip,port", *(f"add s-port {each}" for each in sorted(members))]


def _three(pool: Pool) -> tuple[str, int, list[str]]:
    member = f"{pool.src},{pool.pick('icmp:8/0', 'tcp:80')},{pool.dst}"
    return "s-three", 3, ["create s-three hash:ip,port,ip", f"add s-three {member}"]


def _iface(pool: Pool) -> tuple[str, int, list[str]]:
    prefix = _not_all(pool, pool.around(pool.host()))
    return "s-iface", 2, ["create s-iface hash:net,iface", f"add s-iface {prefix},{pool.device()}"]


def _list(pool: Pool) -> tuple[str, int, list[str]]:
    return (
        "s-list",
        1,
        ["create s-in hash:ip", f"add s-in {pool.host()}", "create s-list list:set", "add s-list s-in"],
    )


MAKERS = (_ip, _net, _port, _three, _iface, _list)
