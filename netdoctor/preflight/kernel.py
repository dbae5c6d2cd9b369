"""What the running kernel can be asked, and what it does with real packets and traces."""

from __future__ import annotations

import errno
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from netdoctor.collect.firewall.tools import PATH
from netdoctor.collect.netlink import NETLINK_NETFILTER, NETLINK_ROUTE, Conversation
from netdoctor.collect.rulesets import NOT_BUILT
from netdoctor.preflight import scratch
from netdoctor.preflight.privileges import ROOT
from netdoctor.preflight.records import Item
from netdoctor.probe.tracefs import Unavailable, tells_reasons

RTM_GETLINK = 18
#: IPCTNL_MSG_CT_GET_STATS of NFNL_SUBSYS_CTNETLINK: asks for numbers alone, however many connections there are.
_CT_STATS = 1 << 8 | 5
_NFT_TABLES = 10 << 8 | 1
TCP_REPAIR = 19
_DENIED = (errno.EPERM, errno.EACCES)
_BRIDGED = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
_LOGGERS = Path("/proc/net/netfilter/nf_log")
#: Where the modules of this kernel lie, and the file that lists what it was built with.
_MODULES = Path("/lib/modules")


def examine() -> Iterator[Item]:
    """Yield what there is to say of the kernel."""
    yield _asked("netlink", lambda: _dump(NETLINK_ROUTE, RTM_GETLINK), "nothing can be read at all")
    rules = "what rules do is unknown where there are any"
    yield _asked("nf_tables", lambda: _dump(NETLINK_NETFILTER, _NFT_TABLES), rules)
    yield _asked("legacy iptables", _legacy, rules)
    flows = "which connections are tracked, and how they are translated, is unknown"
    yield _asked("connection tracking", _count, flows)
    yield _bridged()
    probe = "no real packet can be sent: an answer rests on what is configured"
    yield _asked("raw sockets", lambda: _opened(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP), probe)
    yield _asked("TCP_REPAIR", _repair, "no connection can be tried: why-no-connect sends nothing")
    yield _asked("AF_PACKET", lambda: _opened(socket.AF_PACKET, socket.SOCK_DGRAM, 0), probe)
    yield _drops()
    yield _trace_by_table()
    yield _trace_by_rule()
    yield _trace_of_legacy()


def _asked(what: str, question: Callable[[], object], cost: str) -> Item:
    """Ask, and say how the kernel took it. What it was not built with is lost to nobody: it does nothing either."""
    try:
        question()
    except FileNotFoundError:
        return Item("kernel", what, "ok", "not in use")
    except OSError as error:
        if error.errno in _DENIED:
            return Item("kernel", what, "missing", "no permission", cost, ROOT, True)
        if error.errno in NOT_BUILT and what not in ("netlink", "AF_PACKET", "raw sockets"):
            return Item("kernel", what, "ok", "not in this kernel, or not loaded")
        return Item("kernel", what, "missing", error.strerror or str(error), cost, "another kernel", True)
    return Item("kernel", what, "ok", "answers", needed=True)


def _dump(protocol: int, kind: int) -> None:
    conversation = Conversation(protocol)
    try:
        conversation.dump(kind, bytes(4 if protocol == NETLINK_NETFILTER else 16))
    finally:
        conversation.close()


def _count() -> None:
    conversation = Conversation(NETLINK_NETFILTER)
    try:
        conversation.get(_CT_STATS, bytes(4))
    finally:
        conversation.close()


def _legacy() -> None:
    Path("/proc/thread-self/net/ip_tables_names").read_bytes()


def _opened(family: int, kind: int, protocol: int) -> None:
    socket.socket(family, kind, protocol).close()


def _repair() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)


def _bridged() -> Item:
    """Neither state costs anything: both are walked."""
    try:
        on = _BRIDGED.read_text(encoding="ascii").strip() != "0"
    except OSError:
        return Item("kernel", "br_netfilter", "ok", "not loaded: bridged packets meet no rules of iptables")
    met = "bridged packets meet rules of iptables here" if on else "switched off here"
    return Item("kernel", "br_netfilter", "ok", f"loaded, {met}")


def _drops() -> Item:
    cost = "of a lost packet it is seen where, and not the kernel's reason"
    try:
        if tells_reasons():
            return Item("kernel", "drop reasons", "ok", "tracefs tells them")
        return Item(
            "kernel", "drop reasons", "limited", "events without a reason", cost, "Linux 5.17 or later"
        )
    except Unavailable as error:
        return Item("kernel", "drop reasons", "missing", str(error), cost, error.remedy)


def _trace_by_table() -> Item:
    what, cost = "TRACE by nf_tables", "`--trace` needs rules in the raw table of legacy iptables"
    try:
        owned = scratch.run(scratch.traces)
    except PermissionError:
        return Item("kernel", what, "missing", "no permission", "`--trace` cannot be used", ROOT)
    except OSError as error:
        why = error.strerror or str(error)
        return Item("kernel", what, "missing", why, cost, "a kernel with CONFIG_NF_TABLES")
    if owned:
        return Item("kernel", what, "ok", "a table goes with its process")
    cost = "what a killed `--trace` leaves is removed by the next one only"
    return Item("kernel", what, "limited", "tables have no owner", cost, "Linux 5.12 or later")


def _trace_by_rule() -> Item:
    """The other way, for kernels without nf_tables. Trying it would load tables, which would then stay."""
    what, cost = "TRACE by legacy iptables", "`trace --legacy` cannot be used"
    tools = ("iptables-legacy-restore", "iptables-restore")
    if not any(shutil.which(tool, path=PATH) for tool in tools):
        return Item("kernel", what, "missing", f"no {tools[0]}", cost, "install iptables")
    try:
        lacking = [name for name in ("xt_TRACE", "xt_u32", "xt_comment") if not _built(name)]
    except PermissionError:
        return Item("kernel", what, "missing", "no permission", cost, ROOT)
    if lacking:
        found = f"no {' and no '.join(lacking)}"
        return Item("kernel", what, "missing", found, cost, "a kernel with these modules")
    return Item("kernel", what, "ok", "possible")


def _trace_of_legacy() -> Item:
    what, cost = "trace of legacy tables", "`--trace` does not hear of rules of legacy iptables"
    try:
        known = any(
            line.split()[:1] == ["2"] and "nfnetlink_log" in line
            for line in _LOGGERS.read_text(encoding="ascii", errors="replace").splitlines()
        )
    except PermissionError:
        return Item("kernel", what, "missing", "no permission", cost, ROOT)
    except OSError:
        known = False
    if known or _built("nfnetlink_log"):
        return Item("kernel", what, "ok", "by nfnetlink_log")
    return Item("kernel", what, "missing", "no nfnetlink_log", cost, "modprobe nfnetlink_log")


def _built(module: str) -> bool:
    """Whether a module of netfilter is loaded, built in, or there to be loaded. Raises PermissionError."""
    if Path("/sys/module", module).exists():
        return True
    registered: list[str] = []
    for kind in ("targets", "matches"):
        with suppress(FileNotFoundError):
            registered += Path(f"/proc/net/ip_tables_{kind}").read_text(encoding="ascii").split()
    if module.removeprefix("xt_") in registered:
        return True
    folder = _MODULES / os.uname().release
    return any(f"/{module}.ko" in _text(folder / name) for name in ("modules.dep", "modules.builtin"))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
