"""kube-proxy's table in nftables mode, as text for `nft -f`: maps lead to a chain of each Service and endpoint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

#: Rules that there are without a Service, and those of each with two endpoints.
FRAME_RULES, SERVICE_RULES = 23, 6

_FRAME = """\
table ip kube-proxy
delete table ip kube-proxy
table ip kube-proxy {
  set cluster-ips { type ipv4_addr; }
  set nodeport-ips { type ipv4_addr; elements = { 10.77.0.1 } }
  map firewall-ips { type ipv4_addr . inet_proto . inet_service : verdict; }
  map service-ips { type ipv4_addr . inet_proto . inet_service : verdict; }
  map no-endpoint-services { type ipv4_addr . inet_proto . inet_service : verdict; }
  map service-nodeports { type inet_proto . inet_service : verdict; }
  map no-endpoint-nodeports { type inet_proto . inet_service : verdict; }
  chain reject-chain { reject; }
  chain mark-for-masquerade { meta mark set mark or 0x4000; }
  chain masquerading {
    meta mark and 0x4000 == 0 return
    meta mark set mark xor 0x4000
    masquerade fully-random
  }
  chain firewall-check { ip daddr . meta l4proto . th dport vmap @firewall-ips; }
  chain service-endpoints-check { ip daddr . meta l4proto . th dport vmap @no-endpoint-services; }
  chain nodeport-endpoints-check { ip daddr @nodeport-ips meta l4proto . th dport vmap @no-endpoint-nodeports; }
  chain cluster-ips-check {
    ip daddr @cluster-ips reject comment "Reject traffic to invalid ports of ClusterIPs"
    ip daddr 10.96.0.0/12 drop comment "Drop traffic to unallocated ClusterIPs"
  }
  chain services {
    ip daddr . meta l4proto . th dport vmap @service-ips
    ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports
  }
  chain filter-prerouting { type filter hook prerouting priority -110; ct state new jump firewall-check; }
  chain filter-input {
    type filter hook input priority -110
    ct state new jump nodeport-endpoints-check
    ct state new jump service-endpoints-check
  }
  chain filter-forward {
    type filter hook forward priority -110
    ct state new jump service-endpoints-check
    ct state new jump cluster-ips-check
  }
  chain filter-output {
    type filter hook output priority -110
    ct state new jump service-endpoints-check
    ct state new jump firewall-check
  }
  chain filter-output-post-dnat { type filter hook output priority -90; ct state new jump cluster-ips-check; }
  chain nat-prerouting { type nat hook prerouting priority dstnat; jump services; }
  chain nat-output { type nat hook output priority -100; jump services; }
  chain nat-postrouting { type nat hook postrouting priority srcnat; jump masquerading; }
"""


def services(rules: int) -> int:
    """Return of how many Services of two endpoints about so many rules are."""
    return (rules - FRAME_RULES) // SERVICE_RULES


def ruleset(services: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Return the table for Services (each its address and those of its endpoints): port 80, behind it 8080."""
    lines: list[str] = []
    elements: list[str] = []
    for number, (address, endpoints) in enumerate(services):
        name = f"service-{number:08X}-default/service-{number}/tcp/http"
        lines += _service(number, name, address, endpoints)
        elements.append(f"{address} . tcp . 80 : goto {name}")
    addresses = ", ".join(address for address, _ in services)
    return (
        f"{_FRAME}"
        + "\n".join([*lines, "}", ""])
        + f"add element ip kube-proxy cluster-ips {{ {addresses} }}\n"
        f"add element ip kube-proxy service-ips {{ {', '.join(elements)} }}\n"
    )


def _service(number: int, name: str, address: str, endpoints: Sequence[str]) -> Iterator[str]:
    chains = []
    for end, endpoint in enumerate(endpoints):
        chain = f"endpoint-{number:07X}{end}-default/service-{number}/tcp/http__{endpoint}/8080"
        chains.append(f"{end} : goto {chain}")
        yield (
            f"  chain {chain} {{ ip saddr {endpoint} jump mark-for-masquerade; "
            f"meta l4proto tcp dnat to {endpoint}:8080; }}"
        )
    yield (
        f"  chain {name} {{ ip daddr {address} tcp dport 80 ip saddr != 10.77.0.0/16 jump mark-for-masquerade; "
        f"numgen random mod {len(chains)} vmap {{ {', '.join(chains)} }}; }}"
    )
