"""TUN010: two WireGuard ends do not know each other's keys."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.facts.wireguard import WgPeer
from netdoctor.fix.change import Fix
from netdoctor.kernel.endings import WgRefused
from netdoctor_checks._wireguards import Wg, changed, sender, shown, wg_at


@check("TUN010")
def wireguard_key_mismatch(end: WgRefused, case: Case) -> Iterator[Finding]:
    """The public key that a WireGuard device has for its peer is not the peer's.

    ## What it means
    The handshake arrives at the peer's port. Either it is encrypted for another key than the device there has, or that
    device has no peer with the sender's key: a key was made anew on one side and not told to the other.

    ## Why it breaks the path
    wg_noise_handshake_consume_initiation() finds no peer for what it decrypts, or cannot decrypt it, and drops it
    without an answer. Without a handshake no data is sent; the sender tries again every five seconds.

    ## See it yourself
    `wg show DEV` on both nodes: `public key` of the one is `peer` of the other. `latest handshake` is missing.

    ## How to fix it
    Remove the peer, and add it under its right key, with its allowed IPs and endpoint.

    ## Often taken for
    A blocked port: that is just as silent. The receiver's NIC sees the handshakes come in.
    """
    one, there = sender(case, end), wg_at(case, end.device)
    if end.why not in ("key", "unknown-peer") or one is None or there is None or end.packet.keys is None:
        return
    at, fix = next(iter(_fixes(case, one, there, end)), (one, None))
    known = "expects another key there" if end.why == "key" else "is not known there by its key"
    yield Finding(
        f"{case.where(one.end.at)} and {case.where(there.end.at)} do not have each other's keys",
        f"The handshake of {case.label(one.end.at)} arrives in {case.label(there.end.at)} and is dropped: the sender "
        f"{known}.",
        at.end.at,
        (
            shown(case, one, f"its peer has the key {end.packet.keys[1]}"),
            shown(case, there, f"its public key is {there.data.public_key}"),
        ),
        fix,
    )


def _fixes(case: Case, one: Wg, there: Wg, end: WgRefused) -> Iterator[tuple[Wg, Fix]]:
    """The sender told the receiver's key; or the receiver told the sender's, in the place of a peer that nobody is."""
    mine, theirs = (end.packet.keys or ("", ""))[0], there.data.public_key
    if end.why == "key" and theirs is not None:
        yield from _renamed(case, one, end.packet.keys[1] if end.packet.keys else "", theirs)
        return
    present = {device.public_key for known in case.host.namespaces() if (ns := case.host.namespace(known.inode))
               for link in ns.links_of_kind("wireguard") if (device := ns.wireguard(link.index))}  # fmt: skip
    for peer in there.data.peers:
        if peer.public_key not in present:
            yield from _renamed(case, there, peer.public_key, mine)


def _renamed(case: Case, at: Wg, old: str, new: str) -> Iterator[tuple[Wg, Fix]]:
    known: WgPeer | None = next((peer for peer in at.data.peers if peer.public_key == old), None)
    if known is not None:
        words = f"give {case.where(at.end.at)} the peer's present key"
        yield at, Fix(words, (changed(at, replace(known, public_key=new), old),), "medium")
