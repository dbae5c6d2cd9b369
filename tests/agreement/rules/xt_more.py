"""What is written less often in iptables' words: counters and lists in conditions, and further targets."""

from __future__ import annotations

from ipaddress import IPv4Address

from tests.agreement.rules.pool import Pool


def connection(pool: Pool) -> str:
    """Further conditions on the connection."""
    no = "! " if pool.chance(0.2) else ""
    number = {"icmp": "1", "tcp": "6", "udp": "17"}[pool.proto]
    port = pool.question.port or 80
    options = [
        f"-m conntrack {no}--ctproto {pool.pick(number, number, '47')}",
        f"-m connlimit --connlimit-{pool.pick('above', 'upto')} {pool.pick('1000', '5000')} --connlimit-mask 0",
        f"-m conntrack --ctstate {pool.pick('NEW,ESTABLISHED,RELATED', 'INVALID', 'NEW,UNTRACKED')}",
    ]
    if pool.proto != "icmp":
        options += [
            f"-p {pool.proto} -m conntrack {no}--ctorigdstport {pool.pick(str(port), '443')}",
            f"-p {pool.proto} -m conntrack {no}--ctreplsrcport {pool.pick(str(port), '8080')}",
        ]
    return pool.pick(*options)


def undecided(pool: Pool, hook: str) -> str:
    """What only the packet's bytes, the clock or chance decide."""
    listed = ["-m recent --rcheck --name seen", "-m recent ! --rcheck --name seen"]
    return pool.pick(
        "-m statistic --mode random --probability 0.5",
        "-m statistic --mode nth --every 2 --packet 0",
        "-m u32 --u32 0x6&0xFF=0x1",
        '-m string --string "nothing of that" --algo bm',
        "-m cpu --cpu 0",
        *listed,
    )


def device_group(pool: Pool, hook: str) -> str:
    """The group that a device is in; 0 where nobody said."""
    sides = {"PREROUTING": ("src",), "INPUT": ("src",), "OUTPUT": ("dst",), "POSTROUTING": ("dst",)}
    side = pool.pick(*sides.get(hook, ("src", "dst")))
    return f"-m devgroup {'! ' if pool.chance(0.2) else ''}--{side}-group {pool.pick('0', '7')}"


def target(pool: Pool, table: str, hook: str) -> str:
    """A target that lets packets on, mostly; empty where none fits the table."""
    zone = pool.pick("1", "7")
    mark = pool.mark()
    options = {
        "raw": (
            f"-j CT --zone {zone}",
            f"-j MARK --set-mark {mark:#x}",
            "-j TRACE",
            "-j NOTRACK",
        ),
        "mangle": (
            "-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1400",
            f"-j DSCP --set-dscp-class {pool.pick('EF', 'CS0', 'AF21')}",
            f"-j TOS --set-tos {pool.pick('0x08/0x3f', '0x10', '0x00')}",
            "-j CLASSIFY --set-class 1:10",
            f"-j CONNMARK --set-xmark {mark:#x}/0xff",
            f"-j CONNMARK --save-mark --nfmask 0xff --ctmask {pool.pick('0xff', '0xffff')}",
            "-j NFQUEUE --queue-num 3 --queue-bypass",
        ),
        "filter": (
            "-j NFQUEUE --queue-num 3 --queue-bypass",
            "-j NFQUEUE --queue-num 3",
            "-j NFQUEUE --queue-balance 0:3 --queue-bypass",
            "-j NFLOG --nflog-group 1",
        ),
    }
    return pool.pick(*options.get(table, ("",)))


def nat(pool: Pool, hook: str) -> str:
    """Translations to ranges, of addresses and of ports."""
    some = pool.rng.choice(pool.draft.endpoints).address
    port = pool.question.port or 80
    ports = pool.pick(f"{port}-{port + 10}", f"{port - 5}-{port + 5}", str(port), f"{port + 1}-{port + 3}")
    if hook == "POSTROUTING":
        if pool.proto == "icmp":
            first, last = sorted((pool.local(), pool.local()), key=IPv4Address)
            return pool.pick("-j MASQUERADE --random-fully", f"-j SNAT --to-source {first}-{last}")
        return f"-p {pool.proto} " + pool.pick(
            "-j MASQUERADE --to-ports 1024-65535",
            "-j MASQUERADE --to-ports 2000-3000 --random",
            f"-j SNAT --to-source {pool.local()}:20000-30000",
            f"-j SNAT --to-source {pool.local()} --random",
        )
    if hook not in ("PREROUTING", "OUTPUT"):
        return ""
    if pool.proto == "icmp":
        return f"-j DNAT --to-destination {some}" + pool.pick("", " --random", " --persistent")
    return f"-p {pool.proto} " + pool.pick(
        f"-j DNAT --to-destination {some}:{ports}",
        f"-j DNAT --to-destination {pool.dst}:{ports}",
        f"-j DNAT --to-destination :{ports}",
        f"-j REDIRECT --to-ports {ports}",
    )
