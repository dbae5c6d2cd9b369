"""Rules in the save format of iptables and its kin, and sets in that of ipset: the same rules about other names."""

from __future__ import annotations

import re
from collections.abc import Callable

from netdoctor.redact.addresses import Addresses
from netdoctor.redact.names import Names

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s"]+')
_DECLARED = re.compile(r"^([:#])(\S+)", re.MULTILINE)
_COUNTERS = re.compile(r"\[\d+:\d+\]|-c|!")

#: Options whose value is a device, a chain, a set, or a text that somebody made up.
DEVICES = frozenset(
    (
        "-i",
        "-o",
        "--in-interface",
        "--out-interface",
        "--physdev-in",
        "--physdev-out",
        "--logical-in",
        "--logical-out",
    )
)
CHAINS = frozenset(("-A", "-j", "-g", "-N", "--jump", "--goto"))
SETS = frozenset(("--match-set", "--add-set", "--del-set", "--map-set", "--set-name"))
TEXTS = frozenset(
    (
        "--comment",
        "--log-prefix",
        "--nflog-prefix",
        "--ulog-prefix",
        "--string",
        "--hex-string",
        "--name",
        "--bytecode",
    )
    + ("--hashlimit-name", "--label", "--uid-owner", "--gid-owner", "--path")
)

#: Chains and targets that the kernel and iptables itself name.
BUILT_IN = frozenset(("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING", "BROUTING"))
TABLES = frozenset(("filter", "nat", "mangle", "raw", "security", "broute"))


def redact_table(text: str, names: Names, addresses: Addresses) -> str:
    """Return the lines of a table with all names and addresses replaced."""
    text = _DECLARED.sub(lambda match: match[1] + chain(match[2], names, addresses), text)
    return _rewritten(text, lambda option, word: _value(option, word, names, addresses))


def chain(name: str, names: Names, addresses: Addresses) -> str:
    """Return what stands for a chain's name; targets of the kernel have common names and stay."""
    return name if name in BUILT_IN else label(name, names, addresses)


def _rewritten(text: str, value: Callable[[str, str], str]) -> str:
    """Replace each word by what `value` makes of it and of the option before it."""
    option = ""

    def one(match: re.Match[str]) -> str:
        nonlocal option
        word = match[0]
        # the counters, and the sign of a negation, stand between an option and what belongs to it
        if _COUNTERS.fullmatch(word):
            return word
        quote = '"' if word.startswith('"') else ""
        shown = value(option, _bare(word))
        option = "" if quote else word
        return f"{quote}{shown}{quote}"

    return _TOKEN.sub(one, text)


def _bare(word: str) -> str:
    return word[1:-1] if word.startswith('"') and word.endswith('"') and len(word) > 1 else word


def _value(option: str, word: str, names: Names, addresses: Addresses) -> str:
    if option in DEVICES:
        return names.pattern(word)
    if option in CHAINS:
        return chain(word, names, addresses)
    if option in SETS or option in TEXTS:
        return label(word, names, addresses)
    return addresses.text(word)


def label(text: str, names: Names, addresses: Addresses) -> str:
    """Return a name, a comment or another text of somebody's own, with names and addresses replaced."""
    replaced = []
    end = 0
    for match in addresses.matches(text):
        replaced += [names.identifier(text[end : match.start()]), addresses.found(match)]
        end = match.end()
    return "".join([*replaced, names.identifier(text[end:])])


def redact_set(text: str, names: Names, addresses: Addresses) -> str:
    """Return the lines of an ipset with all names and addresses replaced."""
    created = re.search(r"^create \S+ (\S+)", text, re.MULTILINE)
    kind = created[1] if created is not None else ""

    def value(option: str, word: str) -> str:
        if option in ("create", "add", "comment"):
            return label(word, names, addresses)
        return word

    lines = []
    for line in text.split("\n"):
        words = line.split(" ", 3)
        if words[0] == "add" and len(words) > 2:
            words[2] = _element(words[2], kind, names, addresses)
        lines.append(_rewritten(addresses_in_rest(words, addresses), value))
    return "\n".join(lines)


def addresses_in_rest(words: list[str], addresses: Addresses) -> str:
    """Join the words of a line; in a `create` line the range of a bitmap holds addresses."""
    if words[0] == "create" and len(words) > 3:
        words[3] = addresses.text(words[3])
    return " ".join(words)


def _element(text: str, kind: str, names: Names, addresses: Addresses) -> str:
    if kind.startswith("list:"):
        return label(text, names, addresses)
    parts = text.split(",")
    dimensions = kind.partition(":")[2].split(",")
    for number, part in enumerate(parts):
        if number < len(dimensions) and dimensions[number] == "iface":
            physical = "physdev:" if part.startswith("physdev:") else ""
            parts[number] = physical + names.pattern(part.removeprefix("physdev:"))
        else:
            parts[number] = addresses.text(part)
    return ",".join(parts)
