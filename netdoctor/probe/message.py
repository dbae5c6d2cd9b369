"""The echo request as scapy writes it; the kernel puts the IP header around it.

scapy is imported when something is sent, and sheltered: what it caches in the home folder it reads back with pickle,
which as root with another user's HOME is a way to run code, and most of its import time goes into tables of the vendors
of network cards and Bluetooth devices.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from netdoctor.probe.mark import Mark

#: No folder can be made here, so that scapy has neither a cache nor a configuration (scapy/main.py).
_NOWHERE = "/proc/self/nowhere"
_FOLDERS = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
#: Tables that are not wanted, each by the module that holds it, and what stands in.
_TABLES: dict[str, object] = {"scapy.libs.manuf": "", "scapy.libs.bluetoothids": {}}


def echo(mark: Mark, number: int, size: int, six: bool = False) -> bytes:
    """Return echo request `number` (from 0) with a payload of `size` bytes: an ICMP message, or ICMPv6's (`six`)."""
    with _sheltered():
        from netdoctor.probe.layers import ECHO_REQUEST, ECHO_REQUEST_V6, Echo, Raw
    head = Echo(type=ECHO_REQUEST_V6 if six else ECHO_REQUEST, id=mark.ident, seq=mark.sequence(number))
    return bytes(head / Raw(load=mark.payload(size)))


@contextmanager
def _sheltered() -> Iterator[None]:
    """Keep imports of scapy from the user's folders, and from its tables of vendors."""
    before = {name: os.environ.get(name) for name in _FOLDERS}
    stand_ins = {name: ModuleType(name) for name in _TABLES if name not in sys.modules}
    for name, module in stand_ins.items():
        module.DATA = _TABLES[name]  # type: ignore[attr-defined]
    sys.modules.update(stand_ins)
    os.environ.update(dict.fromkeys(_FOLDERS, _NOWHERE))
    try:
        yield
    finally:
        for name in stand_ins:
            del sys.modules[name]
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
