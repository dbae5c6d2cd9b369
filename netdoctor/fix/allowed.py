"""What a new firewall rule accepts, in the words of every tool that may have to write it."""

from __future__ import annotations

from typing import Any, Literal

from netdoctor.facts.links import Record

Verdict = Literal["accept", "return"]
PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp"}


class Allowed(Record, frozen=True):
    """Packets from one address to another, of one protocol (and port), or the answers to them; or ARP messages.

    A `verdict` of return lets them pass the chain, not the table. For `arp`, `src` and `dst` are the protocol addresses
    in the message (arp_hdr: SPA, TPA).
    """

    src: str
    dst: str
    proto: int = 1
    dport: int | None = None
    sport: int | None = None
    established: bool = False
    arp: bool = False
    verdict: Verdict = "accept"

    def xt_words(self, family: str) -> list[str]:
        """The match and target for iptables, ip6tables, ebtables or arptables, by the table's family."""
        if family == "arp":
            return ["-s", self.src, "-d", self.dst, "-j", self.verdict.upper()]
        if family == "bridge":
            return self._eb_words()
        bits = 128 if ":" in self.src else 32
        words = ["-s", f"{self.src}/{bits}", "-d", f"{self.dst}/{bits}", "-p", self._protocol]
        for option, port in self._ports():
            words += ["-m", self._protocol, f"--{option}", str(port)]
        if self.established:
            words += ["-m", "conntrack", "--ctstate", "ESTABLISHED"]
        return [*words, "-j", self.verdict.upper()]

    def _eb_words(self) -> list[str]:
        if self.arp:
            return [
                "-p",
                "ARP",
                "--arp-ip-src",
                self.src,
                "--arp-ip-dst",
                self.dst,
                "-j",
                self.verdict.upper(),
            ]
        words = ["-p", "IPv4", "--ip-src", self.src, "--ip-dst", self.dst, "--ip-proto", self._protocol]
        for option, port in self._ports():
            words += [f"--ip-{option}", str(port)]
        return [*words, "-j", self.verdict.upper()]

    def nft_words(self) -> list[str]:
        """The rule in the words of nft(8)."""
        if self.arp:
            return ["arp", "saddr", "ip", self.src, "arp", "daddr", "ip", self.dst, self.verdict]
        words = ["ip", "saddr", self.src, "ip", "daddr", self.dst]
        ports = [[self._protocol, option, str(port)] for option, port in self._ports()]
        words += sum(ports, []) or ["ip", "protocol", self._protocol]
        words += ["ct", "state", "established"] if self.established else []
        return [*words, self.verdict]

    def nft_expressions(self) -> list[dict[str, Any]]:
        """The rule as libnftables-json(5) has it."""
        header, suffix = ("arp", " ip") if self.arp else ("ip", "")
        found = [_equals(header, f"saddr{suffix}", self.src), _equals(header, f"daddr{suffix}", self.dst)]
        if not self.arp:
            ports = [_equals(self._protocol, option, port) for option, port in self._ports()]
            found += ports or [_equals("ip", "protocol", self._protocol)]
        if self.established:
            found.append({"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": "established"}})
        return [*found, {self.verdict: None}]

    @property
    def _protocol(self) -> str:
        return PROTOCOLS.get(self.proto, str(self.proto))

    def _ports(self) -> list[tuple[str, int]]:
        given = (("sport", self.sport), ("dport", self.dport))
        return [(name, port) for name, port in given if port is not None and self.proto in (6, 17)]


def _equals(protocol: str, field: str, right: object) -> dict[str, Any]:
    return {
        "match": {"op": "==", "left": {"payload": {"protocol": protocol, "field": field}}, "right": right}
    }
