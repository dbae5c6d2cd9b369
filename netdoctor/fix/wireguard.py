"""Changes of WireGuard's peers."""

from __future__ import annotations

from msgspec.structs import replace

from netdoctor.facts.host import Namespace
from netdoctor.facts.overlay import Draft
from netdoctor.facts.wireguard import WgPeer
from netdoctor.fix import command
from netdoctor.fix.change import Change
from netdoctor.fix.command import Argv
from netdoctor.fix.layer2 import name_of


class SetWgPeer(Change, frozen=True):
    """Set what is known of a peer; with `old`, under another key in the place of that one (wg(8), `wg set`)."""

    ifindex: int
    peer: WgPeer
    old: str | None = None

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`. A prefix belongs to one peer: the last that it was given to."""
        draft.wireguards = tuple(
            replace(device, peers=self._among(device.peers)) if device.ifindex == self.ifindex else device
            for device in draft.wireguards
        )

    def _among(self, peers: tuple[WgPeer, ...]) -> tuple[WgPeer, ...]:
        gone = {self.peer.public_key, self.old}
        mine = set(self.peer.allowed)
        kept = (one for one in peers if one.public_key not in gone)
        others = (replace(one, allowed=tuple(item for item in one.allowed if item not in mine)) for one in kept)
        return (*others, self.peer)

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        words = ["wg", "set", name_of(ns, self.ifindex)]
        words += ["peer", self.old, "remove"] if self.old is not None else []
        words += ["peer", self.peer.public_key]
        words += ["allowed-ips", ",".join(f"{item.address}/{item.prefixlen}" for item in self.peer.allowed)]
        if self.peer.endpoint is not None:
            shown = f"[{self.peer.endpoint}]" if ":" in self.peer.endpoint else self.peer.endpoint
            words += ["endpoint", f"{shown}:{self.peer.port}"]
        return [command.enter(ns.id, tuple(words))]
