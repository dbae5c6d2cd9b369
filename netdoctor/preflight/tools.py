"""The programs of the host that netdoctor runs, or names in its commands; and which of them are needed here and now."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from netdoctor.collect.firewall.tools import PATH
from netdoctor.preflight.records import Item


class Program(NamedTuple):
    """A program, the Debian package that brings it, what it reads or does, and what is lost without it."""

    name: str
    package: str
    cost: str


PROGRAMS = (
    Program("nft", "nftables", "what tables of nftables do is unknown"),
    Program("iptables-legacy-save", "iptables", "what legacy iptables rules do is unknown"),
    Program("ip6tables-legacy-save", "iptables", "what legacy ip6tables rules do is unknown"),
    Program("arptables-legacy-save", "iptables", "what legacy arptables rules do is unknown"),
    Program("iptables-nft-save", "iptables", "what rules of iptables-nft do is unknown"),
    Program("ip6tables-nft-save", "iptables", "what rules of ip6tables-nft do is unknown"),
    Program("ebtables-nft-save", "iptables", "what rules of ebtables do is unknown"),
    Program("arptables-nft-save", "iptables", "what rules of arptables do is unknown"),
    Program("ipset", "ipset", "what is in an ipset is unknown"),
    Program("ip", "iproute2", "commands of the evidence and the fixes cannot be run"),
    Program("bridge", "iproute2", "commands of the evidence and the fixes cannot be run"),
    Program("sysctl", "procps", "commands of the evidence and the fixes cannot be run"),
    Program("conntrack", "conntrack", "commands about tracked connections cannot be run"),
    Program("ssh", "openssh-client", "`snapshot --ssh` cannot be used"),
)


def examine(used: Mapping[str, str]) -> Iterator[Item]:
    """Yield what there is to say of each; `used` says of a program what on this host is read with it."""
    for program in PROGRAMS:
        path = shutil.which(program.name, path=PATH) or shutil.which(program.name)
        why = used.get(program.name)
        if path is not None:
            yield Item("tools", program.name, "ok", path, needed=why is not None)
        else:
            cost = program.cost + (f": {why}" if why is not None else "; nothing here needs it now")
            remedy = f"install {program.name} (Debian: {program.package})"
            yield Item("tools", program.name, "missing", "not found", cost, remedy, why is not None)
