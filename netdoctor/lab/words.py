"""Reads a command line far enough to say for which namespace it is, and refuses what cannot be told."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from netdoctor.errors import UsageError

# Options of ip and bridge without an argument that a fix or a fixture may use.
_PLAIN = {"-4", "-6", "-d", "-details", "-j", "-json", "-o", "-oneline", "-s", "-statistics"}
_INSIDE = {
    "ip", "bridge", "sysctl", "ping", "arping", "tc", "nft", "ebtables", "conntrack",
    "iptables", "ip6tables", "iptables-nft", "ip6tables-nft", "iptables-legacy", "ip6tables-legacy",
    "ebtables-nft", "arptables", "arptables-nft", "ipset", "wg",
}  # fmt: skip
# What of ip and bridge concerns one namespace; netns, vrf exec and the like would lead out of it.
_OBJECTS = {
    "ip": {
        "link",
        "l",
        "address",
        "addr",
        "a",
        "route",
        "r",
        "rule",
        "neighbour",
        "neigh",
        "n",
        "nexthop",
        "tuntap",
    },
    "bridge": {"link", "fdb", "vlan", "mdb"},
}
_RUN_NETNS = ("/run/netns/", "/var/run/netns/")


class Refused(UsageError):
    """The gate does not run this."""


def namespace_of(argv: Sequence[str], names: Collection[str]) -> str:
    """Return the namespace that a complete command line names for itself.

    `names` are the namespaces of the lab, to which a device may be moved. Raises Refused where the command is for the
    caller's own namespace, or of a form that is not known here.
    """
    words = list(argv)
    if words[:3] == ["ip", "netns", "exec"] and len(words) > 4:
        _check_inside(words[4:], names)
        return words[3]
    if words[:1] == ["nsenter"] and len(words) > 2:
        prefix, _, path = words[1].partition("=")
        for folder in _RUN_NETNS:
            if prefix in ("--net", "-n") and path.startswith(folder):
                inner = words[3:] if words[2] == "--" else words[2:]
                _check_inside(inner, names)
                return path.removeprefix(folder)
    if words and words[0] in ("ip", "bridge"):
        return _ip_namespace(words, names)
    raise Refused(f"no lab namespace in: {' '.join(words)}")


def check_arguments(program: str, words: Sequence[str], names: Collection[str]) -> None:
    """Refuse arguments of ip or bridge that reach beyond the namespace: options, `netns` of others, line breaks."""
    text = " ".join(words)
    if any(character in text for character in "\n\r\\#;"):
        raise Refused(f"control character in: {text!r}")
    if not words or words[0] not in _OBJECTS[program]:
        raise Refused(f"{program}: not allowed here: {text}")
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word in ("netns", "link-netns") and following not in names:
            raise Refused(f"{program}: {following!r} is not a namespace of this lab: {text}")
        if word == "link-netnsid":
            raise Refused(f"{program}: namespaces are named, not numbered: {text}")


def _ip_namespace(words: list[str], names: Collection[str]) -> str:
    """Find the one `-n NAME` among the leading options of ip or bridge."""
    program, rest, namespace = words[0], words[1:], ""
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option in ("-n", "-netns") and rest and not namespace:
            namespace = rest.pop(0)
        elif option not in _PLAIN:
            raise Refused(f"option {option} of {program}: {' '.join(words)}")
    if not namespace:
        raise Refused(f"no lab namespace in: {' '.join(words)}")
    check_arguments(program, rest, names)
    return namespace


def _check_inside(words: Sequence[str], names: Collection[str]) -> None:
    """Allow the programs that act on the namespace they stand in, and nothing else."""
    if not words or words[0] not in _INSIDE:
        raise Refused(f"program not allowed inside a lab namespace: {' '.join(words)}")
    if words[0] in ("ip", "bridge"):
        rest = list(words[1:])
        while rest and rest[0] in _PLAIN:
            rest.pop(0)
        check_arguments(words[0], rest, names)
    if words[0] == "wg" and (list(words[1:2]) != ["set"] or {"private-key", "preshared-key"} & set(words)):
        raise Refused(f"wg: not allowed here: {' '.join(words)}")
    if words[0] == "sysctl":
        _check_sysctl(words[1:])
    # xtables start any program that is named as the one that loads modules; options may be shortened.
    xtables = words[0].partition("-")[0] in ("iptables", "ip6tables", "ebtables", "arptables")
    if xtables and any(word.startswith(("-M", "--modp")) for word in words):
        raise Refused(f"another program: {' '.join(words)}")


def _check_sysctl(words: Sequence[str]) -> None:
    """Allow settings under net. only: the others belong to the machine."""
    for word in words:
        if word in ("-w", "-q", "-n", "--write", "--quiet"):
            continue
        if not word.startswith(("net.", "net/")) or ".." in word:
            raise Refused(f"sysctl outside net.: {word}")
