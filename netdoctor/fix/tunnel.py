"""Changes of tunnels other than VXLAN."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.facts.host import Namespace
from netdoctor.facts.links import Tunnel
from netdoctor.facts.overlay import Draft
from netdoctor.fix import command
from netdoctor.fix.change import Change
from netdoctor.fix.command import Argv
from netdoctor.fix.layer2 import name_of


class SetTunnel(Change, frozen=True):
    """Give a tunnel in use other ends or another key (ipip_changelink(), ipgre_changelink(), geneve_changelink())."""

    ifindex: int
    data: Tunnel

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`. The lladdr of a tunnel for IP is its local address."""
        device = next((link for link in draft.links if link.index == self.ifindex), None)
        if device is None or device.tunnel is None:
            return
        fields: dict[str, object] = {"tunnel": self.data}
        if not device.ethernet:
            fields |= {"address": self.data.local or "0.0.0.0", "broadcast": self.data.remote or "0.0.0.0"}
        draft.edit_link(self.ifindex, **fields)

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        device = ns.link(self.ifindex)
        if device is None or device.tunnel is None:
            return []
        words = [word for pair in _words(device.tunnel, self.data) for word in pair]
        if device.kind == "geneve":
            words = ["id", str(device.tunnel.vni), *words]  # iproute2 wants it said again
        name = name_of(ns, self.ifindex)
        return [command.ip(ns.id, "link", "set", "dev", name, "type", device.kind or "", *words)]


def _words(old: Tunnel, new: Tunnel) -> Iterator[tuple[str, ...]]:
    """What follows `type KIND` in ip-link(8) for what differs."""
    for field in ("local", "remote"):
        if getattr(old, field) != getattr(new, field):
            yield field, getattr(new, field) or "any"
    for field in ("ikey", "okey"):
        if getattr(old, field) != (key := getattr(new, field)):
            yield (f"no{field}",) if key is None else (field, str(key))
