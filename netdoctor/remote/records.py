"""msgspec, as far as taking a snapshot needs it, in plain Python: sent along as `msgspec` to hosts that have none.

The records are written to JSON there and checked by the real msgspec here. What runtimes tell is decoded by its shape.
"""

from __future__ import annotations

import json as _json
from collections.abc import Callable
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints


class MsgspecError(Exception):
    """The base of the others."""


class DecodeError(MsgspecError):
    """What is no JSON."""


class ValidationError(DecodeError):
    """JSON that is not of the shape asked for."""


class Raw(bytes):
    """JSON that is left as it is."""


class _Field:
    def __init__(self, default: Any, default_factory: Callable[[], Any] | None, name: str | None) -> None:
        self.default, self.factory, self.name = default, default_factory, name


_MISSING = object()


def field(
    *, default: Any = _MISSING, default_factory: Callable[[], Any] | None = None, name: str | None = None
) -> Any:
    """A field with a default that is made anew for each record, or with another name in JSON."""
    return _Field(default, default_factory, name)


class Struct:
    """A record whose fields are its annotations, those of its bases first; keyword arguments of the class are hints."""

    _fields: tuple[str, ...] = ()
    _defaults: dict[str, Any] = {}
    _names: dict[str, str] = {}

    def __init_subclass__(cls, **_: object) -> None:
        own = [name for name in cls.__dict__.get("__annotations__", {}) if not name.startswith("_")]
        cls._fields = (*cls._fields, *(name for name in own if name not in cls._fields))
        given = {name: cls.__dict__[name] for name in own if name in cls.__dict__}
        fields = {name: value for name, value in given.items() if isinstance(value, _Field)}
        bare = {name for name, one in fields.items() if one.factory is None and one.default is _MISSING}
        cls._names = cls._names | {name: one.name for name, one in fields.items() if one.name is not None}
        cls._defaults = cls._defaults | {name: value for name, value in given.items() if name not in bare}

    def __init__(self, *values: Any, **named: Any) -> None:
        given = dict(zip(self._fields, values, strict=False)) | named
        for name in self._fields:
            if name in given:
                value = given.pop(name)
            else:
                value = self._defaults[name]
                if isinstance(value, _Field):
                    value = value.factory() if value.factory is not None else value.default
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
    def decode(data: bytes, type: Any = Any) -> Any:
        """JSON as a value of that shape. Raises DecodeError."""
        try:
            return _shaped(_json.loads(data), type)
        except ValueError as error:
            raise DecodeError(str(error)) from error

    @staticmethod
    def format(data: bytes, indent: int = 1) -> bytes:
        """The JSON as it is: it is read by a program."""
        return data


def _plain(value: Any) -> Any:
    if isinstance(value, Struct):
        usual = value._defaults
        return {key: item for key, item in vars(value).items() if key not in usual or item != usual[key]}
    raise TypeError(f"{type(value).__name__} is no fact")


def _shaped(value: Any, shape: Any) -> Any:
    """The JSON value as one of `shape`: records, lists, dicts, unions and plain types. Raises ValidationError."""
    origin, parts = get_origin(shape), get_args(shape)
    if shape is Raw:
        return Raw(_json.dumps(value).encode())
    if origin in (Union, UnionType):
        return _either(value, parts)
    if origin in (list, tuple, set) and isinstance(value, list):
        return origin(_shaped(item, parts[0] if parts else Any) for item in value)
    if origin is dict and isinstance(value, dict):
        return {key: _shaped(item, parts[1]) for key, item in value.items()}
    if isinstance(shape, type) and issubclass(shape, Struct) and isinstance(value, dict):
        return _record(value, shape)
    if shape in (Any, object) or (shape in (str, int, float, bool, dict, list) and type(value) is shape):
        return value
    if shape in (None, NoneType) and value is None:
        return None
    raise ValidationError(f"a {type(value).__name__} where {shape} is expected")


def _either(value: Any, shapes: tuple[Any, ...]) -> Any:
    for shape in shapes:
        try:
            return _shaped(value, shape)
        except ValidationError:
            continue
    raise ValidationError(f"a {type(value).__name__} where one of {shapes} is expected")


def _record(value: dict[str, Any], shape: type[Struct]) -> Struct:
    hints = get_type_hints(shape)
    given = {}
    for name in shape._fields:
        key = shape._names.get(name, name)
        if key in value:
            given[name] = _shaped(value[key], hints[name])
        elif name not in shape._defaults:
            raise ValidationError(f"{shape.__name__} lacks {key}")
    return shape(**given)
