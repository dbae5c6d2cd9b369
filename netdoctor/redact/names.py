"""Names and what stands for them: equal names get equal aliases, whatever they name."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container, Iterable
from hashlib import sha256
from string import hexdigits

from netdoctor.facts.containers import SHORTEST_ID, made_up
from netdoctor.redact.words import common

#: Where a name is taken apart; what stands between is a word of its own.
_PIECES = re.compile(r"([A-Za-z0-9]+)")

#: How names of devices begin that programs make up: the beginning stays, the rest is numbered.
STEMS = ("cali", "veth", "br-", "tap", "vnet", "lxc", "cilium", "virbr", "vxlan", "flannel", "nsp")
_PROGRAM = re.compile(r"(cni|netns|cnitool)-")
_TAGGED = re.compile(r"(.+)\.(\d{1,4})")
_PREDICTABLE = re.compile(r"(en|wl|ww)(o\d+|s\d+|p\d+s\d+)\w{0,6}")

#: Namespaces that Kubernetes and the tools name alike everywhere.
_USUAL = frozenset(("host", "default", "kube-system", "kube-public", "kube-flannel", "calico-system", "root"))


class Names:
    """Replaces names.

    `wildcards` are the beginnings of device names that rules ask for (`cali` of `cali+`), `taken` every word there is:
    no alias is one of them.
    """

    def __init__(self, wildcards: Iterable[str] = (), taken: Container[str] = frozenset()) -> None:
        self.whole: dict[str, str] = {}
        self.pieces: dict[str, str] = {}
        self.ids: dict[str, str] = {}
        self.devices: dict[str, str] = {}
        self.beginnings: dict[str, str] = {}
        self._wildcards = {word for word in wildcards if word}
        self._taken = taken
        self._counts: defaultdict[str, int] = defaultdict(int)

    def _next(self, word: str) -> str:
        while True:
            self._counts[word] += 1
            alias = f"{word}{self._counts[word]}"
            if alias not in self._taken:
                return alias

    def whole_name(self, name: str, kind: str) -> str:
        """Return the alias of a namespace, host or the like: `kind` and a number."""
        if name in _USUAL or not name:
            return name
        if name in self.devices:
            return self.devices[name]
        if name not in self.whole:
            self.whole[name] = self.digits(name) if made_up(name) else self._next(f"{kind}-")
        return self.whole[name]

    def contained(self, name: str) -> str:
        """Return the alias of a container: people name them by words, and common ones stay."""
        return name if _ordinary(name) else self.whole_name(name, "container")

    def pod(self, name: str) -> str:
        """Return the alias of a pod, NAMESPACE/NAME (or NAME), with both parts kept apart."""
        if name not in self.whole:
            space, slash, pod = name.rpartition("/")
            self.whole[name] = self.whole_name(space, "ns") + slash + self.whole_name(pod, "pod")
        return self.whole[name]

    def digits(self, name: str) -> str:
        """Return other hexadecimal digits in the place of those of an id, or of a name that a program made up."""
        if name not in self.ids:
            other = sha256(f"id {len(self.ids)}".encode()).hexdigest() * (len(name) // 64 + 1)
            prefix = _PROGRAM.match(name)
            start = prefix.end() if prefix else 0
            shown = (new if old in hexdigits else old for old, new in zip(name[start:], other, strict=False))
            self.ids[name] = name[:start] + "".join(shown)
        return self.ids[name]

    def part_of_id(self, word: str) -> str | None:
        """Return what stands for the beginning of a known id, or None: people give as much of one as is unique."""
        if len(word) < SHORTEST_ID:
            return None
        return next((new[: len(word)] for old, new in self.ids.items() if old.startswith(word)), None)

    def identifier(self, name: str) -> str:
        """Return a name, comment or label with every word replaced that is not a common one."""
        return self._known(name) or _PIECES.sub(lambda match: self.piece(match[1]), name)

    def piece(self, word: str) -> str:
        """Return what stands for a word without separators."""
        known = self._known(word)
        if known is not None or common(word):
            return known or word
        if word not in self.pieces:
            self.pieces[word] = self._next("n")
        return self.pieces[word]

    def _known(self, name: str) -> str | None:
        return self.devices.get(name) or self.whole.get(name)

    def device(self, name: str) -> str:
        """Return the alias of a network device: never longer than the kernel allows (IFNAMSIZ, 15 characters).

        A device goes on to match the wildcards that it matched, and no others.
        """
        if name not in self.devices:
            self.devices[name] = self._device(name)
        return self.devices[name]

    def _device(self, name: str) -> str:
        if _ordinary(name):
            return name
        if tagged := _TAGGED.fullmatch(name):
            return f"{self.device(tagged[1])}.{tagged[2]}"
        alias = self._next(self._begun(name) or "if")
        # the tools write a sysctl of a device with a dot in its name in another way
        return f"{alias}.0" if "." in name and "." not in alias else alias

    def _begun(self, name: str) -> str:
        """What stands for the longest beginning of `name` that a rule or a program knows; empty for none."""
        known = [word for word in (*STEMS, *self._wildcards) if name.startswith(word) and word != name]
        return self._beginning(max(known, key=len)) if known else ""

    def _beginning(self, word: str) -> str:
        if word not in self.beginnings:
            stays = _ordinary(word) or any(stem.startswith(word) for stem in STEMS)
            self.beginnings[word] = word if stays else f"{self._begun(word)}{self._next('w')}-"
        return self.beginnings[word]

    def pattern(self, text: str) -> str:
        """Return what stands for a device as a rule names it: `+` or `*` at its end means any continuation."""
        if text[-1:] in ("+", "*"):
            return f"{self._beginning(text[:-1])}{text[-1]}" if text[:-1] else text
        return self.device(text)


def _ordinary(name: str) -> bool:
    """Tell whether a device's name is made of common words, or says nothing but which slot a card is in."""
    if _PREDICTABLE.fullmatch(name):
        return True
    return all(common(piece) for piece in _PIECES.findall(name))
