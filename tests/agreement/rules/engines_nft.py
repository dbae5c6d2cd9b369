"""Rulesets in nft's words as engines write them: kube-proxy, firewalld, netavark (podman), a hand-written firewall."""

from __future__ import annotations

from tests.agreement.rules.pool import Pool


def kube_proxy(pool: Pool) -> str:
    """kube-proxy in nftables mode: a verdict map of Services, endpoints by number, masquerading by mark."""
    some = pool.rng.choice(pool.draft.endpoints).address
    first, second = (pool.dst, pool.dst) if pool.chance(0.6) else (some, some)
    port = pool.question.port or 80
    service = f"{pool.dst} . {pool.proto if pool.proto != 'icmp' else 'tcp'} . {port}"
    to = f":{port}" if pool.proto != "icmp" else ""
    only = f"ip daddr {pool.dst} meta l4proto icmp goto service-x" if pool.proto == "icmp" else ""
    reject = "reject" if pool.chance(0.1) else "continue"
    proto = f"meta l4proto {pool.proto} " if to else ""
    return f"""table ip kube-proxy {{
  set cluster-ips {{ type ipv4_addr; elements = {{ {pool.dst}, 10.96.0.1 }}; }}
  map no-endpoint-services {{ type ipv4_addr . inet_proto . inet_service : verdict; elements = {{
    10.96.0.9 . tcp . 80 comment "default/none:http" : goto reject-chain }}; }}
  map service-ips {{ type ipv4_addr . inet_proto . inet_service : verdict; elements = {{
    {service} comment "default/web:http" : goto service-x }}; }}
  chain reject-chain {{ reject; }}
  chain mark-for-masquerade {{ meta mark set meta mark | 0x4000; }}
  chain endpoint-a {{ ip saddr {first} jump mark-for-masquerade; {proto}dnat to {first}{to}; }}
  chain endpoint-b {{ ip saddr {second} jump mark-for-masquerade; {proto}dnat to {second}{to}; }}
  chain service-x {{
    ip daddr {pool.dst} ip saddr != {pool.around(pool.pick(pool.src, pool.dst))} jump mark-for-masquerade
    numgen random mod 2 vmap {{ 0 : goto endpoint-a, 1 : goto endpoint-b }}
  }}
  chain services {{
    ip daddr . meta l4proto . th dport vmap @service-ips
    {only}
  }}
  chain masquerading {{
    meta mark & 0x4000 == 0 return
    meta mark set meta mark ^ 0x4000
    masquerade fully-random
  }}
  chain filter-prerouting {{
    type filter hook prerouting priority -110; ct state new jump firewall-check
  }}
  chain firewall-check {{ ip daddr . meta l4proto . th dport vmap @no-endpoint-services; }}
  chain filter-forward {{
    type filter hook forward priority -110; ct state new {reject}
  }}
  chain nat-prerouting {{ type nat hook prerouting priority dstnat; jump services; }}
  chain nat-output {{ type nat hook output priority -100; jump services; }}
  chain nat-postrouting {{ type nat hook postrouting priority srcnat; jump masquerading; }}
}}
"""


def firewalld(pool: Pool) -> str:
    """firewalld: zones by device, policies, and a rejection at the end."""
    device = pool.device()
    port = f"{pool.proto} dport {pool.question.port}" if pool.proto != "icmp" else "icmp type echo-request"
    opened = f"{port} accept" if pool.chance(0.6) else ""
    forwarded = pool.pick("accept", "accept", "continue")
    end = pool.pick("reject with icmpx admin-prohibited", "drop", "accept")
    return f"""table inet firewalld {{
  chain filter_PREROUTING {{
    type filter hook prerouting priority 10; policy accept;
    icmpv6 type {{ nd-router-advert, nd-neighbor-solicit }} accept
    meta nfproto ipv6 fib saddr . mark . iif oif missing drop
  }}
  chain filter_INPUT {{
    type filter hook input priority 10; policy accept;
    ct state {{ established, related }} accept
    ct status dnat accept
    iifname "lo" accept
    jump filter_IN_ZONES
    ct state invalid drop
    {end}
  }}
  chain filter_FORWARD {{
    type filter hook forward priority 10; policy accept;
    ct state {{ established, related }} accept
    ct status dnat accept
    iifname "lo" accept
    ip6 daddr {{ ::/96, ::ffff:0.0.0.0/96 }} reject with icmpv6 addr-unreachable
    jump filter_FORWARD_ZONES
    ct state invalid drop
    {end}
  }}
  chain filter_IN_ZONES {{
    iifname vmap {{ "{device}" : goto filter_IN_public, "nosuch" : drop }}
    goto filter_IN_public
  }}
  chain filter_IN_public {{
    tcp dport 22 accept
    {opened}
    meta l4proto {{ icmp, ipv6-icmp }} accept
  }}
  chain filter_FORWARD_ZONES {{
    iifname "{device}" goto filter_FWD_public
    oifname "{pool.device()}" ip saddr {pool.around(pool.src)} {forwarded}
  }}
  chain filter_FWD_public {{
    oifname "{pool.device()}" accept
    {pool.pick(opened, "meta l4proto icmp accept", "")}
  }}
  chain nat_POSTROUTING {{
    type nat hook postrouting priority 110; policy accept;
    oifname "{pool.device()}" masquerade
  }}
}}
"""


def netavark(pool: Pool) -> str:
    """podman's netavark: a chain for each network, isolation, published ports, masquerading."""
    device = pool.device("bridge") if pool.ports() else pool.device()
    net = pool.around(pool.dst)
    port = pool.question.port or 80
    proto = pool.proto if pool.proto != "icmp" else "tcp"
    isolated = f'iifname "{device}" oifname != "{device}" drop' if pool.chance(0.2) else ""
    return f"""table inet netavark {{
  chain INPUT {{
    type filter hook input priority filter; policy accept;
    ip saddr {net} meta l4proto {{ tcp, udp }} th dport 53 accept
  }}
  chain FORWARD {{
    type filter hook forward priority filter; policy accept;
    ct state invalid drop
    jump NETAVARK-ISOLATION-1
    ip daddr {net} ct state {{ established, related }} accept
    ip saddr {net} accept
  }}
  chain NETAVARK-ISOLATION-1 {{ {isolated}
  }}
  chain POSTROUTING {{
    type nat hook postrouting priority srcnat; policy accept;
    meta mark & 0x00002000 == 0x00002000 masquerade
    ip saddr {net} jump nv_net
  }}
  chain nv_net {{
    ip daddr {net} accept
    ip daddr != 224.0.0.0/4 masquerade
  }}
  chain PREROUTING {{
    type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local jump NETAVARK-HOSTPORT-DNAT
  }}
  chain OUTPUT {{
    type nat hook output priority dstnat; policy accept;
    fib daddr type local jump NETAVARK-HOSTPORT-DNAT
  }}
  chain NETAVARK-HOSTPORT-DNAT {{
    {proto} dport {pool.pick(str(port), "8080")} dnat ip to {pool.dst}:{port}
  }}
}}
"""


def by_hand(pool: Pool) -> str:
    """What people write by hand: established first, sets of allowed ones, brute force slowed down, the rest counted."""
    proto = "icmp type echo-request" if pool.proto == "icmp" else f"{pool.proto} dport {pool.question.port}"
    hook = pool.pick("input", "forward", "forward")
    allowed = ", ".join(sorted({pool.host(), pool.host()}))
    opened = pool.pick("accept", "ip saddr @allowed accept", "ip saddr @allowed accept", "counter")
    return f"""table inet filter {{
  set allowed {{ type ipv4_addr; elements = {{ {allowed} }}; }}
  set banned {{ type ipv4_addr; flags dynamic, timeout; timeout 10m; }}
  set hits {{ type ipv4_addr; size 65535; flags dynamic, timeout; timeout 1m; }}
  chain c {{
    type filter hook {hook} priority filter; policy drop;
    ct state vmap {{ established : accept, related : accept, invalid : drop }}
    iifname "lo" accept
    ip saddr @banned drop
    tcp dport 22 ct state new add @hits {{ ip saddr limit rate over 4/minute }} add @banned {{ ip saddr }} drop
    {proto} ct state new add @hits {{ ip saddr limit rate over 50/second }} drop
    {proto} {opened}
    ip protocol . th dport vmap {{ tcp . 22 : accept, udp . 67-68 : accept }}
    counter comment "dropped"
  }}
}}
"""


ENGINES = (kube_proxy, firewalld, netavark, by_hand)
