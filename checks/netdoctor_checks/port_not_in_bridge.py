"""BRG001: the end of a pair that should be a bridge port is in no bridge."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.fix.layer2 import SetMaster
from netdoctor.kernel.packet import Place
from netdoctor_checks._bridging import joints
from netdoctor_checks._wiring import Apart, Sought, cut_off, helps


@check("BRG001")
def port_not_in_bridge(end: Apart, case: Case) -> Iterator[Finding]:
    """The host end of a pair is in no bridge.

    ## What it means
    A veth pair joins a container to a bridge by its host end being a port of that bridge. Here the host end exists and
    is cabled to the container, but it has no master: it is a lone device of the host.

    ## Why it breaks the path
    Without a master there is no bridge rx_handler (br_handle_frame()) on the device. What the container sends goes up
    the host's own stack instead, which has no use for it; what the bridge floods never gets to this device.

    ## See it yourself
    `ip -d link show DEV` prints `master BRIDGE` for a port and nothing here. `bridge link` does not list it.

    ## How to fix it
    `ip link set DEV master BRIDGE`. Then find who took it out: systemd-networkd and NetworkManager claim unknown
    devices unless told to leave veth* alone (`Unmanaged=yes`, `unmanaged-devices=`).

    ## Often taken for
    A firewall: nothing answers and no counter of a rule moves. A disabled port looks alike too, but shows a master.
    """
    for hop, owner in cut_off(case, end):
        for port, bridge in joints(case, hop.at, owner):
            name, wanted = case.name(port), case.name(bridge)
            join = SetMaster(port.inode, port.ifindex, bridge.ifindex)
            if not helps(case, join):
                continue
            yield Finding(
                f"{name} in {case.label(port)} is in no bridge, though it leads to {_behind(case, hop, owner, port)}",
                f"{case.where(hop.at)} asks who has {hop.address}. Its owner, {case.where(owner)}, is on the other "
                f"side of {name}, which has no master, so no bridge passes the question on.",
                port,
                (
                    Proof(f"{name} shows no master", case.ip(port, "-d", "link", "show", "dev", name)),
                    Proof(f"{name} is not among the ports of {wanted}", case.bridge(port, "link", "show")),
                    Proof(
                        f"{case.where(owner)} has {hop.address}",
                        case.ip(owner, "addr", "show", "to", hop.address),
                    ),
                ),
                Fix(f"make {name} a port of {wanted}", (join,)),
            )


def _behind(case: Case, hop: Sought, owner: Place, port: Place) -> str:
    return case.label(owner if port in case.segment(owner) else hop.at)
