"""What is written less often in nft's words: sets that packets fill, counters in conditions, maps, named objects."""

from __future__ import annotations

from tests.agreement.rules.pool import Pool


def condition(pool: Pool, hook: str, routed: bool) -> tuple[str, str]:
    """One condition: its kind and its words."""
    no = "!= " if pool.chance(0.2) else ""
    options = [
        ("version", f"ip version {no}4"),
        ("version", f"ip hdrlength {no}5"),
        ("iiftype", f"meta iiftype {no}ether") if hook in ("prerouting", "input", "forward") else ("any", ""),
        ("vmap", f"ip saddr . ip daddr vmap {{ {pool.src} . {pool.around(pool.dst)} : continue }}"),
        ("raw", "@nh,72,8 " + no + pool.pick("1", "6", "17", "0x11")),
        ("raw", f"@nh,128,32 {no}{_hexadecimal(pool.host())}"),
        ("masked", f"ip {pool.pick('saddr', 'daddr')} & 255.255.0.0 {pool.pick('==', '!=')} {_masked(pool.host())}"),
        ("quota", f"quota {pool.pick('until', 'over')} 900000 mbytes"),
        ("numgen", f"numgen {pool.pick('inc', 'random')} mod 1 {pool.pick('==', '!=')} 0"),
    ]
    if pool.proto == "udp":
        options.append(("proto", f"udp length {no}{pool.pick('64', '8-100')}"))
    if routed:
        options += [
            ("kind", f'meta iifkind {no}"{pool.pick("veth", "bridge", "vxlan")}"')
            if hook in ("prerouting", "input", "forward")
            else ("kind", f'meta oifkind {no}"{pool.pick("veth", "bridge")}"')
            if hook in ("forward", "output", "postrouting")
            else ("any", ""),
            ("proto", f"ct protocol {no}{pool.pick(pool.proto, 'sctp')}"),
            ("l3", f"ct l3proto {no}ipv4"),
            ("zone", f"ct zone {no}{pool.pick('0', '7')}"),
            ("count", f"ct count {pool.pick('', 'over ')}5000"),
        ]
    return pool.rng.choice([each for each in options if each[1]])


def undecided(pool: Pool) -> str:
    """What only chance, the clock or the packet's bytes decide."""
    return pool.pick(
        "numgen random mod 2 == 0",
        "numgen inc mod 2 == 1",
        "jhash ip saddr mod 2 == 0",
        "ip id 4711",
        "limit rate over 2/second burst 3 packets",
        'meta hour "03:00"-"03:10"',
    )


def statement(pool: Pool, corner_sets: tuple[str, ...], hook: str, routed: bool) -> str:
    """A statement that lets the packet on."""
    zone = pool.pick("1", "7")
    options = [
        f"ip dscp set {pool.pick('ef', 'cs0', '0x04')}",
        "meta priority set 1:10",
        "quota 900000 mbytes",
    ]
    if "filled" in corner_sets:
        options += [f"{pool.pick('add', 'update')} @filled {{ ip {pool.pick('saddr', 'daddr')} }}"] * 3
    if routed:
        options += [
            f"ct zone set {zone}" if hook in ("prerouting", "output") else "ct mark set 0x1",
            "tcp option maxseg size set 1400" if pool.proto == "tcp" else "counter",
        ]
    return pool.pick(*options)


def filled() -> str:
    """The definition of a set that packets fill."""
    return "type ipv4_addr; size 1000; flags dynamic, timeout; timeout 1m"


def nat(pool: Pool, family: str, hook: str) -> str:
    """Translations to ranges and by maps."""
    some, other = (pool.rng.choice(pool.draft.endpoints).address for _ in range(2))
    word = "ip " if family == "inet" else ""
    port = pool.question.port or 80
    ports = pool.pick(f"{port}-{port + 10}", f"{port - 5}-{port + 5}", f"{port + 1}-{port + 3}")
    if hook == "postrouting":
        return pool.pick(
            "masquerade random",
            "masquerade fully-random",
            "masquerade persistent",
            "meta l4proto { tcp, udp } masquerade to :1024-65535",
            f"snat {word}to ip saddr map {{ {pool.around(pool.src)} : {pool.local()} }}",
            f"snat {word}prefix to ip saddr map {{ {_net(pool.src)} : {_net(some)} }}",
        )
    if hook not in ("prerouting", "output"):
        return "accept"
    options = [
        f"dnat {word}to numgen inc mod 1 map {{ 0 : {some} }}",
        f"dnat {word}to jhash ip saddr mod 2 map {{ 0 : {some}, 1 : {some} }}",
        f"dnat {word}prefix to ip daddr map {{ {_net(pool.dst)} : {_net(some)} }}",
        f"dnat {word}to {_span(some)}",
    ]
    if pool.proto != "icmp":
        options += [
            f"{pool.proto} dport {port} dnat {word}to {some}:{ports}",
            f"{pool.proto} dport {port} redirect to :{ports}",
            f"dnat {word}to ip daddr . {pool.proto} dport map {{ {pool.dst} . {port} : {some} . {port} }}",
            f"dnat {word}to {pool.proto} dport map {{ {port} : {some}, 22 : {other} }}",
            f"redirect to :{pool.proto} dport map {{ {port} : {pool.pick(str(port), '8080')} }}",
        ]
    return pool.pick(*options)


def _span(address: str) -> str:
    head, _, last = address.rpartition(".")
    return f"{address}-{head}.{min(255, int(last) + 1)}"


def _net(address: str) -> str:
    return address.rpartition(".")[0] + ".0/24"


def _masked(address: str) -> str:
    first, second, *_ = address.split(".")
    return f"{first}.{second}.0.0"


def _hexadecimal(address: str) -> str:
    return "0x" + "".join(f"{int(part):02x}" for part in address.split("."))
