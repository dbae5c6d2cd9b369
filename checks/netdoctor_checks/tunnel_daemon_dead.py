"""TUN006: no process is behind a TUN device."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.kernel.endings import NoCarrier
from netdoctor.kernel.packet import Place


@check("TUN006")
def tunnel_daemon_dead(end: NoCarrier, case: Case) -> Finding | None:
    """No process has the TUN device open.

    ## What it means
    A TUN device is half of a tunnel: the kernel routes packets into it, and a program (flanneld, a VPN's daemon) takes
    them out. The device is there, for it was made to stay (`persist`), and the program is not.

    ## Why it breaks the path
    When the last program closes the device, __tun_detach() takes its carrier away; what is sent by it is freed by
    noop_qdisc from then on.

    ## See it yourself
    `ip link show dev DEV` prints NO-CARRIER. `grep -l DEV /proc/*/fdinfo/*` names the process that has it open: none.

    ## How to fix it
    Start the daemon again, after a look into its log for why it ended. The device and its routes wait for it.

    ## Often taken for
    A route that is wrong: it stands, and leads into a device that nobody reads from.
    """
    link = case.link(end.at)
    if link is None or link.kind != "tun" or case.ns(end.at).reader(end.at.ifindex) is not None:
        return None
    far = _like_it(case, end.at)
    return Finding(
        f"no process is behind {case.where(end.at)}",
        f"{link.name} is a TUN device, and the program that took packets out of it is gone: the kernel discards what "
        f"is sent by it.{far}",
        end.at,
        (
            Proof(f"{link.name} shows NO-CARRIER", case.ip(end.at, "-d", "link", "show", "dev", link.name)),
            Proof("no process has opened it: the list is empty", ("grep", "-l", f"iff:.*{link.name}$", "-r", "/proc")),
        ),
    )


def _like_it(case: Case, at: Place) -> str:
    """What runs behind the devices of that name elsewhere, as a sentence."""
    for known in case.host.namespaces():
        ns = case.host.namespace(known.inode) if known.inode != at.inode else None
        for link in ns.links_of_kind("tun") if ns is not None else ():
            process = ns.reader(link.index) if ns is not None and link.name == case.name(at) else None
            if process is not None:
                return f" In {known.label} it is pid {process.pid}: `{process.command or process.name}`."
    return ""
