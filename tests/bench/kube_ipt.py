"""kube-proxy's table nat in iptables mode, as text for iptables-restore: three chains a Service of two endpoints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

#: A Service: its address, and those of its endpoints. It has port 80, they have 8080.
Service = tuple[str, Sequence[str]]

_FRAME = """\
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully
"""
_OWN_CHAINS = ("KUBE-SERVICES", "KUBE-MARK-MASQ", "KUBE-POSTROUTING")


def services(rules: int) -> int:
    """Return of how many Services of two endpoints about so many rules are."""
    return (rules - _FRAME.count("\n-A ")) // 7


def ruleset(services: Sequence[Service]) -> str:
    """Return the table nat of a node with these Services."""
    rules = [rule for number, service in enumerate(services) for rule in _service(number, *service)]
    chains = dict.fromkeys(_OWN_CHAINS)
    chains.update(dict.fromkeys(rule.split()[1] for rule in rules))
    heads = "".join(f":{chain} - [0:0]\n" for chain in chains)
    return f"*nat\n{heads}{_FRAME}" + "\n".join(rules) + "\nCOMMIT\n"


def _service(number: int, address: str, endpoints: Sequence[str]) -> Iterator[str]:
    name, chain = f"default/service-{number}:http", f"KUBE-SVC-{number:016X}"
    yield (
        f'-A KUBE-SERVICES -d {address}/32 -p tcp -m comment --comment "{name} cluster IP" '
        f"-m tcp --dport 80 -j {chain}"
    )
    for end, at in enumerate(endpoints):
        left = len(endpoints) - end
        share = f"-m statistic --mode random --probability {1 / left:.11f} " if left > 1 else ""
        endpoint = f"KUBE-SEP-{number:015X}{end}"
        yield f'-A {chain} -m comment --comment "{name} -> {at}:8080" {share}-j {endpoint}'
        yield f'-A {endpoint} -s {at}/32 -m comment --comment "{name}" -j KUBE-MARK-MASQ'
        yield f'-A {endpoint} -p tcp -m comment --comment "{name}" -m tcp -j DNAT --to-destination {at}:8080'
