"""Dummy devices, multipath routes and nexthop objects: small networks around each."""

from __future__ import annotations

from tests.agreement.model import Device, Draft, Endpoint
from tests.agreement.plan import Change, Command


def dummy_devices(draft: Draft) -> tuple[Change, ...]:
    """A container whose service address is on a dummy device; some questions are for its empty neighbourhood."""
    rng = draft.rng
    host = draft.space("host", "host")
    client, server = draft.space("client", "container"), draft.space("server", "container")
    for number, container in enumerate((client, server)):
        port, eth = draft.veth(host, f"port{number}", "eth", container, "eth0", "eth")
        draft.address(port, f"10.{number}.0.1/24", ask=False)
        draft.address(eth, f"10.{number}.0.2/24")
        draft.route(container, "default", "via", f"10.{number}.0.1", "dev", "eth0")
    where = server if rng.random() < 0.7 else host
    dummy = draft.add(Device(where, "dummy0", "dummy", "dummy", draft.mac()))
    draft.create(where, "ip", "link", "add", "dummy0", "address", dummy.mac, "type", "dummy")
    if rng.random() < 0.8:
        draft.up(dummy)
    draft.address(dummy, f"10.9.0.1/{rng.choice((24, 32))}")
    if where == server and rng.random() < 0.85:
        draft.route(host, "10.9.0.0/24", "via", "10.1.0.2", "dev", "port1")
    if rng.random() < 0.4:
        draft.endpoints.append(Endpoint(where, "10.9.0.77"))
    if rng.random() < 0.3:
        # The client's own route into a dummy device: what goes there is gone.
        sink = draft.add(Device(client, "sink", "dummy", "dummy", draft.mac()))
        draft.create(client, "ip", "link", "add", "sink", "address", sink.mac, "type", "dummy")
        draft.up(sink)
        draft.route(client, "10.9.0.0/24", "dev", "sink", "src", "10.0.0.2")
    return ()


def multipath(draft: Draft) -> tuple[Change, ...]:
    """Two routers between client and server; the client's route names both, in itself or by nexthop objects."""
    rng = draft.rng
    client, server = draft.space("client", "container"), draft.space("server", "container")
    routers = [draft.space(f"router{number}", "router") for number in range(2)]
    for number, router in enumerate(routers):
        _wire(draft, client, server, router, number)
    draft.configure(server, "ip", "addr", "add", "10.9.0.1/32", "dev", "lo")
    draft.endpoints[:] = [Endpoint(server, "10.9.0.1"), Endpoint(client, "10.0.0.2")]
    if rng.random() < 0.2:
        draft.sysctl(client, "net/ipv4/fib_multipath_hash_policy", "1")
    # Last of all, as the kernel takes no nexthop without a carrier.
    spread = [*_spread(draft, client, "10.8.0.0/13", 0), *_spread(draft, server, "10.0.0.0/15", 1)]
    broken = [_fault(draft, router, number) for number, router in enumerate(routers) if rng.random() < 0.25]
    return (Change("spread", tuple(spread)), *broken)


def _wire(draft: Draft, client: str, server: str, router: str, number: int) -> None:
    """Client, router, server in a line: subnets 10.N.0.0/24 and 10.1N.0.0/24."""
    near, eth = draft.veth(router, "near", "eth", client, f"eth{number}", "eth")
    far, server_eth = draft.veth(router, "far", "eth", server, f"eth{number}", "eth")
    draft.address(near, f"10.{number}.0.1/24")
    draft.address(eth, f"10.{number}.0.2/24")
    draft.address(far, f"10.1{number}.0.1/24")
    draft.address(server_eth, f"10.1{number}.0.2/24")
    for device in (near, eth, far, server_eth):
        draft.sysctl(device.space, f"net/ipv4/conf/{device.name}/rp_filter", draft.rng.choice((0, 0, 0, 2)))
        draft.sysctl(device.space, "net/ipv4/conf/all/rp_filter", 0)
    draft.route(router, "10.9.0.1/32", "via", f"10.1{number}.0.2", "dev", "far")
    draft.route(router, "10.0.0.0/15", "via", f"10.{number}.0.2", "dev", "near")


def _fault(draft: Draft, router: str, number: int) -> Change:
    """One of the two ways does not carry: the route over it may still be chosen."""
    words = draft.rng.choice((
        ("ip", "link", "set", "near", "down"),
        ("ip", "link", "set", "far", "down"),
        ("sysctl", "net/ipv4/ip_forward", "0"),
        ("ip", "addr", "flush", "dev", "near"),
        ("ip", "route", "del", "10.9.0.1/32"),
        ("ip", "route", "replace", "10.0.0.0/15", "via", f"10.1{number}.0.2", "dev", "far"),
    ))  # fmt: skip
    return Change("router-fault", (Command(router, words),))


def _spread(draft: Draft, space: str, prefix: str, side: int) -> list[Command]:
    """A route over both routers, over one of them, or by a nexthop object or a group of them."""
    rng = draft.rng
    gateways = [f"10.{side or ''}{number}.0.1" for number in range(2)]
    form = rng.choice(("multipath", "multipath", "single", "object", "group"))
    if form == "multipath":
        words: list[str] = []
        for number, gateway in enumerate(gateways):
            words += ["nexthop", "via", gateway, "dev", f"eth{number}", "weight", str(rng.randint(1, 3))]
        return [Command(space, ("ip", "route", "add", prefix, *words))]
    if form == "single":
        number = rng.randrange(2)
        words = ["via", gateways[number], "dev", f"eth{number}"]
        return [Command(space, ("ip", "route", "add", prefix, *words))]
    commands = []
    for number, gateway in enumerate(gateways):
        words = ["id", str(number + 1), "via", gateway, "dev", f"eth{number}"]
        commands.append(Command(space, ("ip", "nexthop", "add", *words)))
    chosen = str(rng.randint(1, 2))
    if form == "group":
        members = rng.choice(("1/2", "1,3/2", "2"))
        commands.append(Command(space, ("ip", "nexthop", "add", "id", "10", "group", members)))
        chosen = "10"
    return [*commands, Command(space, ("ip", "route", "add", prefix, "nhid", chosen))]
