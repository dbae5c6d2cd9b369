"""Changes of bridge ports that only ip-link(8) knows a word for."""

from __future__ import annotations

from msgspec.structs import replace

from netdoctor.facts.host import Namespace
from netdoctor.facts.links import BridgePort
from netdoctor.facts.overlay import Draft
from netdoctor.fix import command
from netdoctor.fix.change import Change
from netdoctor.fix.command import Argv
from netdoctor.fix.layer2 import name_of


class ProxyArpOff(Change, frozen=True):
    """Let a bridge port take ARP requests again, instead of the bridge answering for what is behind it."""

    ifindex: int

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        for link in draft.links:
            if link.index == self.ifindex:
                port = replace(link.port or BridgePort(), proxyarp=False, proxyarp_wifi=False)
                draft.edit_link(link.index, port=port)

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        words = ("link", "set", "dev", name_of(ns, self.ifindex), "type", "bridge_slave")
        return [command.ip(ns.id, *words, "proxy_arp", "off", "proxy_arp_wifi", "off")]


class LeaveBridge(Change, frozen=True):
    """Take a device out of its bridge."""

    ifindex: int

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`. What the bridge knew by this port is gone with it (del_nbp())."""
        draft.edit_link(self.ifindex, master=None, port=None, slave_kind=None)
        draft.fdb = tuple(
            entry for entry in draft.fdb if entry.ifindex != self.ifindex or entry.master is None
        )
        draft.vlans = tuple(vlan for vlan in draft.vlans if vlan.ifindex != self.ifindex)

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        return [command.ip(ns.id, "link", "set", "dev", name_of(ns, self.ifindex), "nomaster")]
