"""What goes to the programs that write firewall rules: checked arguments, and many lines in one process.

iptables and ipset have a `restore` that reads commands, nft reads a file, ebtables and arptables are run once a line.
All of them act on the namespace they stand in; refused is what would lead out of it: another file, another program.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from netdoctor.lab.words import Refused

#: The programs a fixture may use, by name; `iptables` alone would be one backend here and the other one elsewhere.
RESTORED = ("iptables-legacy", "iptables-nft", "ip6tables-legacy", "ip6tables-nft")
SINGLE = ("ebtables-nft", "arptables-nft")
PROGRAMS = (*RESTORED, *SINGLE, "nft", "ipset")

_SET_COMMANDS = ("create", "add", "del", "destroy", "flush")
_NFT_COMMANDS = ("add", "create", "insert", "replace", "delete", "flush")
# Long options may be shortened (getopt_long(3)); --modprobe names a program, --atomic-… a file.
_FOREIGN_OPTIONS = ("--modp", "--atomic")


def runs(program: str, lines: Sequence[Sequence[str]]) -> Iterator[tuple[list[str], str]]:
    """Yield (argument list, standard input) of the processes that carry the lines out, in the order given.

    Raises Refused for a line that is more than one command of `program`, or none.
    """
    for line in lines:
        check(program, line)
    if program in RESTORED:
        yield [f"{program}-restore", "--wait", "10", "--noflush"], _tables(lines)
    elif program == "nft":
        yield ["nft", "-f", "-"], _joined(" ".join(line) for line in lines)
    elif program == "ipset":
        yield ["ipset", "restore"], _joined(" ".join(line) for line in lines)
    else:
        yield from (([program, *line], "") for line in lines)


def wireguard(words: Sequence[str]) -> tuple[list[str], str]:
    """Return the argument list and the input of wg(8) for a line of `wg set`. Raises Refused for another one."""
    argv, text = ["wg", *words], ""
    if words[:1] not in (["set"], ("set",)) or "preshared-key" in words:
        raise Refused(f"wg: not allowed here: {' '.join(words)}")
    if "private-key" in argv:
        place = argv.index("private-key") + 1
        argv[place : place + 1], text = ["/dev/stdin"], f"{argv[place]}\n"
    return argv, text


def check(program: str, words: Sequence[str]) -> None:
    """Raise Refused unless `words` are the arguments of one command of a program of the firewall."""
    text = " ".join(words)
    if program not in PROGRAMS:
        raise Refused(f"{program!r} writes no firewall rules here")
    if any(character in text for character in "\n\r\\#"):
        raise Refused(f"control character in: {text!r}")
    first = words[0] if words else ""
    if program == "nft":
        right = first in _NFT_COMMANDS and "include" not in text
    elif program == "ipset":
        right = first in _SET_COMMANDS and not any(word.startswith(("-f", "--f")) for word in words)
    else:
        right = first.startswith("-") and not any(_leads_out(word) for word in words)
    if not right:
        raise Refused(f"{program}: not allowed here: {text}")


def _leads_out(word: str) -> bool:
    return word.startswith(("-M", *_FOREIGN_OPTIONS))


def _tables(lines: Sequence[Sequence[str]]) -> str:
    """Write lines of iptables as iptables-restore(8) reads them: a section for each run of lines of one table."""
    text = ""
    for table, group in groupby((_of_table(line) for line in lines), key=lambda pair: pair[0]):
        text += f"*{table}\n" + _joined(" ".join(map(_quoted, words)) for _, words in group) + "COMMIT\n"
    return text


def _of_table(line: Sequence[str]) -> tuple[str, list[str]]:
    """Split a command line into its table and the rest."""
    words = list(line)
    if words[0] in ("-t", "--table") and len(words) > 2:
        return words[1], words[2:]
    return "filter", words


def _quoted(word: str) -> str:
    """Quote a word as xtables' own parser wants it: double quotes, and a backslash before one inside."""
    if word and not any(character in word for character in " \t\"'"):
        return word
    escaped = word.replace('"', '\\"')
    return f'"{escaped}"'


def _joined(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
