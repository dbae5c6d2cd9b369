"""msgspec, as far as taking a snapshot needs it, in plain Python: sent along as `msgspec` to hosts that have none.

The records are written to JSON there and checked by the real msgspec here, so nothing is checked there.
"""

from __future__ import annotations

import json as _json
from typing import Any


class ValidationError(Exception):
    """Named, never raised: nothing is decoded on the other host."""


class DecodeError(Exception):
    """Named, never raised: nothing is decoded on the other host."""


class Struct:
    """A record whose fields are its annotations, those of its bases first; keyword arguments of the class are hints."""

    _fields: tuple[str, ...] = ()
    _defaults: dict[str, Any] = {}

    def __init_subclass__(cls, **_: object) -> None:
        own = [name for name in cls.__dict__.get("__annotations__", {}) if not name.startswith("_")]
        cls._fields = (*cls._fields, *(name for name in own if name not in cls._fields))
        cls._defaults = cls._defaults | {name: cls.__dict__[name] for name in own if name in cls.__dict__}

    def __init__(self, *values: Any, **named: Any) -> None:
        given = dict(zip(self._fields, values, strict=False)) | named
        for name in self._fields:
            if name in given:
                value = given.pop(name)
            else:
                value = self._defaults[name]
                value = value.copy() if isinstance(value, dict | list) else value
            self.__dict__[name] = value
        if given or len(values) > len(self._fields):
            raise TypeError(f"{type(self).__name__} has no such field: {', '.join(given)}")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.__dict__ == self.__dict__

    def __hash__(self) -> int:
        return hash((type(self), *self.__dict__.values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.__dict__.items())})"


class structs:  # noqa: N801 - it stands for a module
    """msgspec.structs."""

    @staticmethod
    def replace(record: Any, **fields: Any) -> Any:
        """A copy of the record with some fields changed."""
        return type(record)(**(vars(record) | fields))


class json:  # noqa: N801 - it stands for a module
    """msgspec.json."""

    @staticmethod
    def encode(record: Any) -> bytes:
        """The record as JSON, in UTF-8; what has its default is left out."""
        return _json.dumps(record, default=_plain, separators=(",", ":")).encode()

    @staticmethod
    def format(data: bytes, indent: int = 1) -> bytes:
        """The JSON as it is: it is read by a program."""
        return data


def _plain(value: Any) -> Any:
    if isinstance(value, Struct):
        usual = value._defaults
        return {key: item for key, item in vars(value).items() if key not in usual or item != usual[key]}
    raise TypeError(f"{type(value).__name__} is no fact")
