"""Changes of addresses, routes, policy rules and sysctls."""

from __future__ import annotations

from netdoctor.facts.host import Namespace
from netdoctor.facts.overlay import Draft
from netdoctor.facts.records import RT_SCOPE_HOST, RT_SCOPE_LINK, RTNH_F_ONLINK, Address, Route, Rule
from netdoctor.fix import command
from netdoctor.fix.change import Change
from netdoctor.fix.command import Argv
from netdoctor.fix.layer2 import name_of
from netdoctor.fix.prefix import address_routes

SCOPES = {0: "global", RT_SCOPE_LINK: "link", RT_SCOPE_HOST: "host"}


class SetSysctl(Change, frozen=True):
    """Set `net/NAME` (slash-separated, without the leading `net/`)."""

    name: str
    value: str

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`. ip_forward writes `forwarding` of every interface (devinet_sysctl_forward())."""
        draft.sysctls[self.name] = self.value
        if self.name in ("ipv4/ip_forward", "ipv4/conf/all/forwarding"):
            for link in draft.base.links():
                draft.sysctls[f"ipv4/conf/{link.name}/forwarding"] = self.value

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        return [command.sysctl(ns.id, self.name, self.value)]


class AddAddress(Change, frozen=True):
    """Add an address to a device."""

    ifa: Address

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        draft.addresses = (*draft.addresses, self.ifa)
        up = any(link.index == self.ifa.ifindex and link.up for link in draft.links)
        have = {_place_of(route) for route in draft.routes}
        new = (route for route in address_routes(self.ifa) if up or route.type == "local")
        draft.routes = (*draft.routes, *(route for route in new if _place_of(route) not in have))

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        where = name_of(ns, self.ifa.ifindex)
        return [command.ip(ns.id, "addr", "add", *address_words(self.ifa), "dev", where)]


class DeleteAddress(Change, frozen=True):
    """Delete an address; its routes go with it, and with a device's last address all routes of the device."""

    ifa: Address

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        ifa = self.ifa
        draft.addresses = tuple(item for item in draft.addresses if item != ifa)
        held = {(item.ifindex, item.local) for item in draft.addresses}
        last = all(item.ifindex != ifa.ifindex or item.family != 2 for item in draft.addresses)
        still = any(local == ifa.local for _, local in held)
        others = [item for item in draft.addresses if item.ifindex == ifa.ifindex]
        shared = {_place_of(route) for item in others for route in address_routes(item)}

        def stays(route: Route) -> bool:
            mine = any(hop.oif == ifa.ifindex for hop in route.nexthops)
            if route.family != 2 or (mine and _place_of(route) in shared):
                return True
            if mine and (
                last or route in address_routes(ifa) or (route.dst == ifa.local and route.type == "local")
            ):
                return False
            return still or route.prefsrc != ifa.local

        draft.routes = tuple(route for route in draft.routes if stays(route))
        if last and ifa.family == 2:
            # With the last address the device's neighbours go too, permanent ones included (fib_disable_ip()).
            draft.neighbours = tuple(n for n in draft.neighbours if n.ifindex != ifa.ifindex or n.family != 2)

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        where = name_of(ns, self.ifa.ifindex)
        return [command.ip(ns.id, "addr", "del", *address_words(self.ifa), "dev", where)]


class AddRoute(Change, frozen=True):
    """Add a route; before others of the same prefix and metric it takes their place (`ip route replace`)."""

    route: Route
    instead: bool = False

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        routes = draft.routes
        if self.instead:
            same = [r for r in routes if _key(r) == _key(self.route)]
            routes = tuple(r for r in routes if not same or r != same[0])
        draft.routes = (self.route, *routes) if self.instead else (*routes, self.route)

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        verb = "replace" if self.instead else "add"
        return [command.ip(ns.id, "route", verb, *route_words(ns, self.route))]


class DeleteRoute(Change, frozen=True):
    """Delete a route."""

    route: Route

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        draft.routes = tuple(route for route in draft.routes if route != self.route)

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        return [command.ip(ns.id, "route", "del", *route_words(ns, self.route, deleting=True))]


class AddRule(Change, frozen=True):
    """Add a policy rule."""

    rule: Rule

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        draft.rules = tuple(sorted((*draft.rules, self.rule), key=lambda rule: rule.priority))

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        return [command.ip(ns.id, "rule", "add", *rule_words(self.rule))]


class DeleteRule(Change, frozen=True):
    """Delete a policy rule."""

    rule: Rule

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        draft.rules = tuple(rule for rule in draft.rules if rule != self.rule)

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        return [command.ip(ns.id, "rule", "del", *rule_words(self.rule))]


def _place_of(route: Route) -> tuple[object, ...]:
    return route.type, route.table, route.dst, route.prefixlen, tuple(hop.oif for hop in route.nexthops)


def _key(route: Route) -> tuple[object, ...]:
    return route.family, route.table, route.dst, route.prefixlen, route.priority, route.tos


def address_words(ifa: Address) -> list[str]:
    """An address in the words of ip-address(8): with the other side's, where it is a point-to-point one."""
    if ifa.address not in (None, ifa.local):
        return [ifa.local, "peer", f"{ifa.address}/{ifa.prefixlen}"]
    return [f"{ifa.local}/{ifa.prefixlen}"]


def route_words(ns: Namespace, route: Route, deleting: bool = False) -> list[str]:
    """A route in the words of ip-route(8)."""
    default = route.prefixlen == 0
    # A route whose nexthop object is a blackhole is shown as one, but was not made as one (fib_dump_info()).
    words = [] if route.type == "unicast" or route.nh_id is not None else [route.type]
    words.append("default" if default else f"{route.dst}/{route.prefixlen}")
    if route.nh_id is not None:
        words += ["nhid", str(route.nh_id)]
    elif len(route.nexthops) == 1:
        hop = route.nexthops[0]
        words += ["via", hop.gateway] if hop.gateway else []
        words += ["dev", name_of(ns, hop.oif)] if hop.oif is not None else []
        words += ["onlink"] if hop.flags & RTNH_F_ONLINK and not deleting else []
    else:
        for hop in route.nexthops:
            words += ["nexthop"]
            words += ["via", hop.gateway] if hop.gateway else []
            words += ["dev", name_of(ns, hop.oif)] if hop.oif is not None else []
            words += ["weight", str(hop.weight)] if hop.weight > 1 else []
    if route.prefsrc and not deleting:
        words += ["src", route.prefsrc]
    if route.scope in (RT_SCOPE_LINK, RT_SCOPE_HOST) and route.type == "unicast" and not deleting:
        words += ["scope", SCOPES[route.scope]]
    words += ["metric", str(route.priority)] if route.priority else []
    words += ["tos", str(route.tos)] if route.tos else []
    words += ["table", str(route.table)] if route.table != 254 else []
    return words


def rule_words(rule: Rule) -> list[str]:
    """A policy rule in the words of ip-rule(8)."""
    words = ["not"] if rule.invert else []
    words += ["from", f"{rule.src}/{rule.src_len}" if rule.src else "all"]
    words += ["to", f"{rule.dst}/{rule.dst_len}"] if rule.dst else []
    words += ["tos", str(rule.tos)] if rule.tos else []
    words += ["fwmark", f"{rule.fwmark:#x}/{rule.fwmask:#x}"] if rule.fwmask else []
    words += ["iif", rule.iif] if rule.iif else []
    words += ["oif", rule.oif] if rule.oif else []
    words += ["ipproto", str(rule.ip_proto)] if rule.ip_proto else []
    words += ["sport", f"{rule.sport[0]}-{rule.sport[1]}"] if rule.sport else []
    words += ["dport", f"{rule.dport[0]}-{rule.dport[1]}"] if rule.dport else []
    words += ["pref", str(rule.priority)]
    if rule.l3mdev:
        words += ["l3mdev"]
    elif rule.action == "table":
        words += ["lookup", str(rule.table)]
        if rule.suppress_prefixlength is not None:
            words += ["suppress_prefixlength", str(rule.suppress_prefixlength)]
    elif rule.action == "goto":
        words += ["goto", str(rule.goto)]
    else:
        words += [rule.action]
    return words
