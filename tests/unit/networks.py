"""Small networks written by hand: namespaces, devices and tables as a kernel would show them, for tests of the twin.

Addresses bring the routes that the kernel adds with them; nothing else is there unless a test puts it there.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from netdoctor.facts.host import NamespaceFacts, NamespaceId
from netdoctor.facts.links import (
    IFF_BROADCAST,
    IFF_LOOPBACK,
    IFF_LOWER_UP,
    IFF_NOARP,
    IFF_UP,
    Bridge,
    BridgePort,
    Link,
    Macvlan,
    Vxlan,
)
from netdoctor.facts.records import (
    NTF_PROXY,
    RT_SCOPE_HOST,
    RT_SCOPE_LINK,
    Address,
    BridgeVlan,
    FdbEntry,
    Neighbour,
    NextHop,
    NexthopObject,
    Route,
    Rule,
    Ruleset,
)
from netdoctor.facts.sockets import Socket
from netdoctor.facts.tables import TableHost, TableNamespace
from netdoctor.fix.prefix import address_routes
from netdoctor.kernel.conversation import Ping, converse
from netdoctor.kernel.decisive import decisive
from netdoctor.kernel.endings import Ending
from netdoctor.kernel.packet import ZERO_MAC, Place
from netdoctor.kernel.walk import Walk

#: The rules that every namespace starts with.
RULES = (Rule(2, 0, table=255), Rule(2, 32766, table=254), Rule(2, 32767, table=253))
NUD_PERMANENT, NUD_NOARP = 0x80, 0x40

_SCOPES = {"link": RT_SCOPE_LINK, "host": RT_SCOPE_HOST, "global": 0}


class Ns:
    """One namespace in the making. Every method that adds something returns the namespace."""

    def __init__(self, inode: int, name: str) -> None:
        self.inode = inode
        self.name = name
        self._links = [Link(1, "lo", IFF_UP | IFF_LOOPBACK | IFF_LOWER_UP, 65536, address=ZERO_MAC)]
        self._addresses = [Address(1, 2, "127.0.0.1", 8, "127.0.0.1", scope=RT_SCOPE_HOST)]
        self._routes: list[Route] = []
        self._tables: dict[str, list[Any]] = {
            key: [] for key in ("nexthops", "neighbours", "fdb", "vlans", "rulesets", "sockets")
        }
        self._rules: tuple[Rule, ...] = RULES
        self._sysctls: dict[str, str] = {}
        self._nsids: dict[int, int] = {}

    def dev(self, name: str, *addresses: str, up: bool = True, carrier: bool = True, **fields: Any) -> Ns:
        """Add a device; `addresses` are ADDRESS/LENGTH, `master` is the name of a bridge made before it."""
        index = len(self._links) + 1
        flags = IFF_BROADCAST | (IFF_UP if up else 0) | (IFF_LOWER_UP if up and carrier else 0)
        flags |= IFF_NOARP if fields.pop("noarp", False) else 0
        if "master" in fields:
            fields["master"] = self.index(fields["master"])
            fields.setdefault("port", BridgePort())
            fields["slave_kind"] = "bridge"
        fields.setdefault("address", f"02:00:00:00:{self.inode:02x}:{index:02x}")
        link = Link(index, name, flags, fields.pop("mtu", 1500), fields.pop("kind", "dummy"), **fields)
        self._links.append(link)
        for address in addresses:
            self.addr(name, address)
        return self

    def bridge(self, name: str, *addresses: str, **data: Any) -> Ns:
        """Add a bridge; `data` are fields of Bridge."""
        return self.dev(name, *addresses, kind="bridge", bridge=Bridge(**data))

    def addr(self, dev: str, address: str, scope: int = 0, flags: int = 0) -> Ns:
        """Add an address and, where its device is up, the routes that come with it."""
        local, _, length = address.partition("/")
        ifa = Address(self.index(dev), 2, local, int(length), local, scope=scope, flags=flags)
        self._addresses.append(ifa)
        up = self.link(dev).up
        self._routes += [route for route in address_routes(ifa) if up or route.type == "local"]
        return self

    def route(self, text: str) -> Ns:
        """Add a route in the words of ip-route(8): `[TYPE] PREFIX [via A] [dev D] [metric N] [nexthop …]`."""
        self._routes.append(self._route(text.split()))
        return self

    def _route(self, words: list[str]) -> Route:
        kind = "unicast" if words[0][0].isdigit() or words[0] == "default" else words.pop(0)
        prefix, *options = words
        dst, _, length = ("0.0.0.0/0" if prefix == "default" else prefix).partition("/")
        head, *legs = " ".join(options).split("nexthop")
        told = _pairs(head)
        hops = [self._hop(_pairs(leg)) for leg in legs]
        if not hops and ("dev" in told or "via" in told):
            hops = [self._hop(told)]
        return Route(
            2, int(told.get("table", 254)), dst, int(length or 32), kind, tuple(hops), told.get("src"),
            int(told.get("metric", 0)), int(told.get("tos", 0)), _SCOPES[told.get("scope", "global")],
            nh_id=int(told["nhid"]) if "nhid" in told else None, mtu=int(told["mtu"]) if "mtu" in told else None,
        )  # fmt: skip

    def _hop(self, told: dict[str, str]) -> NextHop:
        oif = self.index(told["dev"]) if "dev" in told else None
        return NextHop(oif, told.get("via"), weight=int(told.get("weight", 1)))

    def rule(self, priority: int, table: int = 0, **fields: Any) -> Ns:
        """Add a policy rule; `fields` are those of Rule."""
        rules = (*self._rules, Rule(2, priority, table=table, **fields))
        self._rules = tuple(sorted(rules, key=lambda rule: rule.priority))
        return self

    def only_rules(self, *rules: Rule) -> Ns:
        """Replace all rules."""
        self._rules = rules
        return self

    def nexthop(self, number: int, dev: str | None = None, **fields: Any) -> Ns:
        """Add a nexthop object."""
        oif = self.index(dev) if dev is not None else None
        self._tables["nexthops"].append(NexthopObject(number, oif, **fields))
        return self

    def neigh(self, dev: str, dst: str, mac: str | None, state: str = "PERMANENT") -> Ns:
        """Add a neighbour."""
        self._tables["neighbours"].append(Neighbour(self.index(dev), 2, dst, state, mac))
        return self

    def proxy(self, dev: str, dst: str) -> Ns:
        """Add a proxy entry (`ip neigh add proxy`)."""
        self._tables["neighbours"].append(Neighbour(self.index(dev), 2, dst, flags=NTF_PROXY))
        return self

    def fdb(self, dev: str, mac: str, state: int = 0, **fields: Any) -> Ns:
        """Add an entry of the bridge behind its port `dev`, or (with `dst`) a remote of the VXLAN device `dev`."""
        link = self.link(dev)
        master = link.master or link.index if "dst" not in fields else None
        self._tables["fdb"].append(FdbEntry(link.index, mac, state, master=master, **fields))
        return self

    def vlan(self, dev: str, vid: int, pvid: bool = False, untagged: bool = False, state: int = 3) -> Ns:
        """Make a port (or the bridge) a member of a VLAN."""
        self._tables["vlans"].append(BridgeVlan(self.index(dev), vid, pvid, untagged, state))
        return self

    def ruleset(self, family: str, dev: str | None = None) -> Ns:
        """Load rules that the twin does not model."""
        ifindex = self.index(dev) if dev else None
        self._tables["rulesets"].append(Ruleset("bpf", family, f"{family} rules", ("nft",), ifindex))
        return self

    def sysctl(self, **values: int) -> Ns:
        """Set sysctls below ipv4/; two underscores stand for a slash: `conf__eth0__rp_filter=1`."""
        for name, value in values.items():
            self._sysctls["ipv4/" + name.replace("__", "/")] = str(value)
        return self

    def forwards(self) -> Ns:
        """Switch forwarding on for all devices."""
        for link in self._links:
            self._sysctls[f"ipv4/conf/{link.name}/forwarding"] = "1"
        return self

    def edit(self, dev: str, **fields: Any) -> Ns:
        """Change fields of a device."""
        position = self.index(dev) - 1
        self._links[position] = replace(self._links[position], **fields)
        return self

    def port(self, dev: str, **flags: Any) -> Ns:
        """Change flags of a bridge port."""
        return self.edit(dev, port=replace(self.link(dev).port or BridgePort(), **flags))

    def link(self, dev: str) -> Link:
        """Return a device by its name."""
        return next(link for link in self._links if link.name == dev)

    def index(self, dev: str) -> int:
        """Return the ifindex of a device."""
        return self.link(dev).index

    def mac(self, dev: str) -> str:
        """Return the lladdr of a device."""
        return self.link(dev).address or ""

    def listens(self, proto: str, port: int, address: str = "0.0.0.0", **fields: Any) -> Ns:
        """Add a socket that listens (TCP) or is bound (UDP); `dev` binds it to a device."""
        family = 10 if ":" in address else 2
        fields["ifindex"] = self.index(fields.pop("dev")) if "dev" in fields else 0
        fields.setdefault("backlog", 16 if proto == "tcp" else 0)
        self._tables["sockets"].append(Socket(proto, family, address, port, **fields))
        return self

    def at(self, dev: str) -> Place:
        """Return the place of a device."""
        return Place(self.inode, self.index(dev))

    def nsid(self, other: int) -> int:
        """Return this namespace's number for another (link-netnsid)."""
        if other not in self._nsids.values():
            self._nsids[len(self._nsids)] = other
        return next(nsid for nsid, inode in self._nsids.items() if inode == other)

    def facts(self) -> NamespaceFacts:
        """Return what there is as one record."""
        known = NamespaceId(self.inode, (self.name,), (f"/run/netns/{self.name}",))
        tables = {key: tuple(value) for key, value in self._tables.items()}
        links, addresses = tuple(self._links), tuple(self._addresses)
        routes = (*address_routes(self._addresses[0]), *self._routes)
        return NamespaceFacts(
            known, links, addresses, routes, self._rules, sysctls=self._sysctls, nsids=self._nsids, **tables
        )

    def view(self) -> TableNamespace:
        """Return the namespace to be asked."""
        return TableNamespace(self.facts())


def _pairs(text: str) -> dict[str, str]:
    words = text.split()
    return dict(zip(words[::2], words[1::2], strict=True))


class Net:
    """Namespaces and the cables between them."""

    def __init__(self, *names: str) -> None:
        self.all = {name: Ns(number, name) for number, name in enumerate(names, start=1)}

    def __getitem__(self, name: str) -> Ns:
        """Return a namespace by its name."""
        return self.all[name]

    def cable(self, one: str, other: str) -> Net:
        """Make two devices, written NAMESPACE/DEVICE, the ends of one veth pair."""
        (left, left_dev), (right, right_dev) = one.split("/"), other.split("/")
        ends = (
            (self[left], left_dev, self[right], right_dev),
            (self[right], right_dev, self[left], left_dev),
        )
        for ns, dev, peer, peer_dev in ends:
            away = ns.nsid(peer.inode) if ns is not peer else None
            ns.edit(dev, kind="veth", iflink=peer.index(peer_dev), link_netnsid=away)
        return self

    def host(self) -> TableHost:
        """Return the host to be asked."""
        return TableHost("here", tuple(ns.facts() for ns in self.all.values()))

    def walks(self, source: str, address: str, /, **ping: Any) -> list[Walk]:
        """Walk the conversation in every way."""
        return converse(self.host(), Ping(self[source].inode, address, **ping))[0]

    def walk(self, source: str, address: str, /, **ping: Any) -> Walk:
        """Walk the conversation, which has only one way."""
        (only,) = self.walks(source, address, **ping)
        return only

    def answered(self, source: str, address: str, /, **ping: Any) -> bool:
        """Tell whether the ping is answered."""
        return self.walk(source, address, **ping).answered

    def ending(self, source: str, address: str, /, **ping: Any) -> Ending:
        """Return the ending that explains why the ping is not answered."""
        walk = self.walk(source, address, **ping)
        assert not walk.answered
        found = decisive(walk)
        assert found is not None
        return found


def bridged(**bridge: Any) -> Net:
    """Containers a (10.0.0.1), b (10.0.0.2), c (10.0.0.3) on the bridge br0 (10.0.0.254) of h, by va, vb and vc."""
    net = Net("a", "b", "c", "h")
    net["h"].bridge("br0", "10.0.0.254/24", **bridge)
    for number, name in enumerate("abc", start=1):
        net[name].dev("eth0", f"10.0.0.{number}/24").route("default via 10.0.0.254 dev eth0")
        net["h"].dev(f"v{name}", master="br0")
        net.cable(f"{name}/eth0", f"h/v{name}")
    return net


def routed() -> Net:
    """Containers a (10.1.0.2) and b (10.2.0.2), each on a cable of its own to the router r (10.1.0.1, 10.2.0.1)."""
    net = Net("a", "b", "r")
    for number, name in enumerate("ab", start=1):
        net[name].dev("eth0", f"10.{number}.0.2/24").route(f"default via 10.{number}.0.1 dev eth0")
        net["r"].dev(f"v{name}", f"10.{number}.0.1/24")
        net.cable(f"{name}/eth0", f"r/v{name}")
    net["r"].forwards()
    return net


def overlay(**vxlan: Any) -> Net:
    """Container a on node n, b on node m, one layer-2 VXLAN segment between: br0 with the port vx0 on both nodes."""
    net = Net("a", "b", "n", "m")
    for number, (name, node) in enumerate((("a", "n"), ("b", "m")), start=1):
        here = net[node].dev("eth0", f"192.168.0.{number}/24").bridge("br0")
        data = Vxlan(vni=7, local=f"192.168.0.{number}", port=4789, **vxlan)
        here.dev("vx0", kind="vxlan", vxlan=data, master="br0")
        here.dev(f"v{name}", master="br0")
        net[name].dev("eth0", f"10.0.0.{number}/24")
        net.cable(f"{name}/eth0", f"{node}/v{name}")
    return net.cable("n/eth0", "m/eth0")


def remotes(net: Net) -> Net:
    """Give both nodes of an overlay the default entry of the other."""
    for number, node in ((2, "n"), (1, "m")):
        net[node].fdb("vx0", ZERO_MAC, NUD_PERMANENT, dst=f"192.168.0.{number}")
    return net


def macvlans(mode: str = "bridge", other: str | None = None) -> Net:
    """Containers a (10.0.0.1) and b (10.0.0.2) on macvlans over eth0 of h; that is cabled to o, which is 10.0.0.9."""
    net = Net("a", "b", "h", "o")
    net["h"].dev("eth0", "10.0.0.8/24", promiscuity=1)
    net["o"].dev("eth0", "10.0.0.9/24")
    net.cable("h/eth0", "o/eth0")
    for number, (name, child) in enumerate((("a", mode), ("b", other or mode)), start=1):
        away = net[name].nsid(net["h"].inode)
        fields: dict[str, Any] = {
            "iflink": net["h"].index("eth0"),
            "link_netnsid": away,
            "macvlan": Macvlan(child),
        }
        net[name].dev("eth0", f"10.0.0.{number}/24", kind="macvlan", **fields)
    return net
