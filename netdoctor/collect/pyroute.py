"""pyroute2's message classes, without the weight of its package, and with the attributes that it does not know.

`import pyroute2` takes 130 ms, because its package file imports every protocol; those of rtnetlink
alone take 20 (measured, pyroute2 0.9.7). So the package object is put in place unexecuted, with a module `__getattr__`
(PEP 562) that executes it in the moment when anybody asks it for more than a submodule.
"""

from __future__ import annotations

import importlib
import sys
from functools import cache
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from ipaddress import ip_address
from typing import Any


def _defer_package() -> None:
    if "pyroute2" in sys.modules:
        return
    spec = PathFinder.find_spec("pyroute2")
    if spec is None or spec.loader is None:
        return  # the import below says so
    loader, module = spec.loader, module_from_spec(spec)

    def load(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module 'pyroute2' has no attribute {name!r}")
        if find_spec(f"pyroute2.{name}") is not None:
            return importlib.import_module(f"pyroute2.{name}")
        vars(module).pop("__getattr__")
        loader.exec_module(module)
        return getattr(module, name)

    vars(module)["__getattr__"] = load
    sys.modules["pyroute2"] = module


def _class(name: str, module: str = "") -> Any:
    _defer_package()
    return getattr(importlib.import_module(f"pyroute2.netlink{module}"), name)


@cache
def address_message() -> Any:
    """The class of RTM_NEWADDR (ifaddrmsg)."""
    return _class("ifaddrmsg", ".rtnl.ifaddrmsg")


@cache
def neighbour_message() -> Any:
    """The class of RTM_NEWNEIGH (ndmsg), for neighbours and for forwarding databases."""
    return _class("ndmsg", ".rtnl.ndmsg")


@cache
def route_message() -> Any:
    """The class of RTM_NEWROUTE (rtmsg), with RTA_NH_ID, which pyroute2's list ends before."""
    base = _class("rtmsg", ".rtnl.rtmsg")
    known = {entry[0] for entry in base.nla_map}
    more = (
        ("RTA_PAD", "hex"),
        ("RTA_UID", "uint32"),
        ("RTA_TTL_PROPAGATE", "uint8"),
        ("RTA_IP_PROTO", "uint8"),
        ("RTA_SPORT", "be16"),
        ("RTA_DPORT", "be16"),
        ("RTA_NH_ID", "uint32"),
        ("RTA_FLOWLABEL", "be32"),
    )
    added = tuple(entry for entry in more if entry[0] not in known)
    # the list numbers its attributes by position, so it can only be continued where it stops at RTA_EXPIRES
    if added and (len(added) != len(more) or base.nla_map[-1][0] != "RTA_EXPIRES"):
        raise RuntimeError("this release of pyroute2 orders route attributes in an unknown way")
    return type("RouteMessage", (base,), {"nla_map": tuple(base.nla_map) + added})


@cache
def rule_message() -> Any:
    """The class of RTM_NEWRULE (fibmsg), with FRA_DSCP."""
    base = _class("fibmsg", ".rtnl.fibmsg")
    known = {entry[1] for entry in base.nla_map}
    more = ((25, "FRA_DSCP", "uint8"),)
    added = tuple(entry for entry in more if entry[1] not in known)
    return type("RuleMessage", (base,), {"nla_map": tuple(base.nla_map) + added})


@cache
def nexthop_message() -> Any:
    """The class of RTM_NEWNEXTHOP (include/uapi/linux/nexthop.h), which pyroute2 lacks."""
    return type(
        "NexthopMessage",
        (_class("nlmsg"),),
        {
            "prefix": "NHA_",
            "fields": (
                ("nh_family", "B"),
                ("nh_scope", "B"),
                ("nh_protocol", "B"),
                ("resvd", "B"),
                ("nh_flags", "I"),
            ),
            "nla_map": (
                ("NHA_UNSPEC", "none"),
                ("NHA_ID", "uint32"),
                ("NHA_GROUP", "cdata"),
                ("NHA_GROUP_TYPE", "uint16"),
                ("NHA_BLACKHOLE", "flag"),
                ("NHA_OIF", "uint32"),
                ("NHA_GATEWAY", "ipaddr"),
                ("NHA_ENCAP_TYPE", "uint16"),
                ("NHA_ENCAP", "hex"),
                ("NHA_GROUPS", "flag"),
                ("NHA_MASTER", "uint32"),
                ("NHA_FDB", "flag"),
            ),
        },
    )


def decoded(message_class: Any, message: bytes) -> tuple[Any, Attributes]:
    """Decode one raw message: the object (for its header fields), and its attributes by name, each decoded when asked.

    The values stay wrapped until `.value` of an entry is read, because most questions need two of forty attributes.
    """
    decoded_message = message_class(message)
    decoded_message.decode()
    return decoded_message, Attributes(decoded_message["attrs"])


class Attributes(dict[str, Any]):
    """Attributes of a decoded message by name; the value of one is decoded when it is asked for."""

    def __init__(self, slots: Any) -> None:
        super().__init__((slot.name, slot) for slot in slots)

    def value(self, name: str, default: Any = None) -> Any:
        """Return the value of an attribute, or `default` where the message does not carry it."""
        slot = self.get(name)
        return default if slot is None else slot.value

    def nested(self, name: str) -> Attributes:
        """Return the attributes inside a nested attribute (none where it is absent, or not a nest)."""
        value = self.value(name)
        return Attributes(value["attrs"] if isinstance(value, dict) and "attrs" in value else ())

    def raw(self, name: str) -> bytes:
        """Return the undecoded bytes of an attribute, empty where it is absent."""
        slot = self.get(name)
        if slot is None:
            return b""
        cell = slot.cell[1]
        return bytes(cell.data[cell.offset + 4 : cell.offset + cell.length])

    def text(self, name: str) -> str | None:
        """Return a NUL-terminated string, or None. What is no UTF-8 in a name is escaped, never an error."""
        raw = self.raw(name)
        return raw.rstrip(b"\0").decode("utf-8", "backslashreplace") if raw else None

    def lladdr(self, name: str) -> str | None:
        """Return a link layer address as iproute2 prints it (an IP address for IP tunnels), or None."""
        raw = self.raw(name)
        if len(raw) in (4, 16):
            return str(ip_address(raw))
        return raw.hex(":") or None
