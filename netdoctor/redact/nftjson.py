"""A table in nft's JSON (libnftables-json(5)): the same rules about other names and addresses."""

from __future__ import annotations

import json
from typing import Any, Literal

from netdoctor.redact.addresses import Addresses
from netdoctor.redact.names import Names
from netdoctor.redact.xtables import TABLES, chain, label

#: What a string on the right of a match is: a value that says nothing of anybody but in an address, the name of a
#: device, or a text of somebody's own; of a concatenation, one after the other.
Sort = Literal["value", "device", "text"]
Sorts = Sort | tuple[Sort, ...]

_DEVICES = frozenset(("iifname", "oifname", "iif", "oif", "ibrname", "obrname", "sdifname"))
#: Statements whose body may be the name of an object of the table.
_OBJECTS = frozenset(
    ("counter", "quota", "limit", "synproxy", "ct helper", "ct timeout", "ct expectation", "flowtable")
)


class NftRedactor:
    """Replaces names and addresses in nft's JSON."""

    def __init__(self, names: Names, addresses: Addresses) -> None:
        self._names = names
        self._addresses = addresses

    def __call__(self, text: str) -> str:
        """Return the JSON of a table with all names and addresses replaced. Raises ValueError for what is no JSON."""
        document = json.loads(text)
        objects = [self._object(entry) for entry in document.get("nftables", ())]
        return json.dumps({**document, "nftables": objects}, ensure_ascii=False)

    def table(self, name: str) -> str:
        """Return what stands for a table; those of iptables have fixed names."""
        return name if name in TABLES else self._label(name)

    def _label(self, text: str) -> str:
        return label(text, self._names, self._addresses)

    def _object(self, entry: Any) -> Any:
        if not isinstance(entry, dict) or "metainfo" in entry:
            return entry
        return {kind: self._body(kind, body) for kind, body in entry.items()}

    def _body(self, kind: str, body: Any) -> Any:
        if not isinstance(body, dict):
            return self._value(body)
        sorts = _sorts_of_type(body.get("type"))
        shown = dict(body)
        for key, value in body.items():
            if key == "table" or (key == "name" and kind == "table"):
                shown[key] = self.table(str(value))
            elif key == "chain" or (key == "name" and kind == "chain"):
                shown[key] = chain(str(value), self._names, self._addresses)
            elif key == "name":
                shown[key] = self._label(str(value))
            elif key == "dev":
                shown[key] = self._value(value, "device")
            elif key == "elem":
                shown[key] = self._elements(value, sorts, mapped=kind == "map")
            elif key in ("comment", "expr"):
                shown[key] = self._member(key, value)
        return shown

    def _member(self, key: str, value: Any) -> Any:
        if key == "comment":
            return self._label(str(value))
        return self._value(value)

    def _elements(self, elements: Any, sorts: Sorts, *, mapped: bool) -> Any:
        """The elements of a set, or the pairs of a map."""
        if not isinstance(elements, list):
            return self._value(elements, sorts)
        if not mapped:
            return [self._value(element, sorts) for element in elements]
        return [
            [self._value(entry[0], sorts), *map(self._value, entry[1:])] if isinstance(entry, list) else entry
            for entry in elements
        ]

    def _value(self, value: Any, sorts: Sorts = "value") -> Any:
        """Replace what is named in a statement, an expression or a value of that sort."""
        if isinstance(value, str):
            return self._text(value, sorts)
        if isinstance(value, list):
            return [self._value(part, sorts) for part in value]
        if not isinstance(value, dict):
            return value
        return {key: self._part(key, body, sorts) for key, body in value.items()}

    def _text(self, text: str, sorts: Sorts) -> str:
        if text.startswith("@"):
            return "@" + self._label(text[1:])
        if sorts == "device":
            return self._names.pattern(text)
        if sorts == "text":
            return self._label(text)
        return self._addresses.text(text)

    def _part(self, key: str, body: Any, sorts: Sorts) -> Any:
        if key == "xt":
            return body
        if key == "concat" and isinstance(body, list):
            each = sorts if isinstance(sorts, tuple) else (sorts,) * len(body)
            return [self._value(part, each[n] if n < len(each) else "value") for n, part in enumerate(body)]
        if key == "prefix" and isinstance(body, dict) and isinstance(body.get("addr"), str):
            return {**body, "addr": self._addresses.ip(body["addr"], body.get("len"))}
        if key == "match" and isinstance(body, dict):
            return {
                **body,
                "left": self._value(body.get("left")),
                "right": self._value(body.get("right"), _sorts(body.get("left"))),
            }
        if key in ("vmap", "map") and isinstance(body, dict) and "data" in body:
            return {
                **body,
                "key": self._value(body.get("key")),
                "data": self._data(body["data"], _sorts(body.get("key"))),
            }
        if key == "target" and isinstance(body, str):
            return chain(body, self._names, self._addresses)
        if key in ("comment", "prefix") and isinstance(body, str):
            return self._label(body)
        if key == "dev":
            return self._value(body, "device")
        if key in _OBJECTS and isinstance(body, str):
            return self._label(body)
        return self._value(body, sorts if key in ("set", "elem", "val", "range") else "value")

    def _data(self, data: Any, sorts: Sorts) -> Any:
        if isinstance(data, dict) and isinstance(data.get("set"), list):
            return {**data, "set": self._elements(data["set"], sorts, mapped=True)}
        return self._value(data)


def _sorts(left: Any) -> Sorts:
    """What the values are that `left` is compared with."""
    if not isinstance(left, dict):
        return "value"
    if isinstance(left.get("concat"), list):
        return tuple(_one(part) for part in left["concat"])
    return _one(left)


def _one(part: Any) -> Sort:
    if not isinstance(part, dict):
        return "value"
    for kind in ("meta", "fib", "socket"):
        body = part.get(kind)
        if isinstance(body, dict):
            asked = body.get("key") or body.get("result")
            return "device" if asked in _DEVICES else "text" if asked == "cgroupv2" else "value"
    return "value"


def _sorts_of_type(kind: Any) -> Sorts:
    """What the elements of a set are, by its type."""
    if isinstance(kind, dict):
        return _sorts(kind.get("typeof"))
    if isinstance(kind, list):
        return tuple("device" if part == "ifname" else "value" for part in kind)
    return "device" if kind == "ifname" else "value"
