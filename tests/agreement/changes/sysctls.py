"""Changes to sysctls of a namespace or of one device."""

from __future__ import annotations

from tests.agreement.changes.scene import Commands, Scene, change, sysctl

OF_SPACE: tuple[tuple[str, tuple[int, ...], int], ...] = (
    ("net/ipv4/ip_forward", (0, 0, 1), 5),
    ("net/ipv4/icmp_echo_ignore_all", (1,), 3),
    ("net/ipv4/icmp_echo_ignore_broadcasts", (0, 1), 1),
    ("net/ipv4/ip_default_ttl", (1, 2, 3, 4, 64, 255), 3),
    ("net/ipv4/ip_no_pmtu_disc", (0, 1, 2, 3), 1),
    ("net/ipv4/ip_nonlocal_bind", (1,), 1),
    ("net/ipv4/fib_multipath_use_neigh", (1,), 1),
    ("net/ipv4/fib_multipath_hash_policy", (0, 1, 2), 1),
    ("net/ipv4/ip_forward_use_pmtu", (1,), 1),
    ("net/ipv4/fwmark_reflect", (1,), 1),
)

OF_DEVICE: tuple[tuple[str, tuple[int, ...], int], ...] = (
    ("rp_filter", (0, 1, 1, 2), 6),
    ("forwarding", (0, 0, 1), 5),
    ("proxy_arp", (0, 1), 4),
    ("arp_ignore", (0, 1, 2, 3, 8), 5),
    ("arp_announce", (0, 1, 2), 3),
    ("arp_filter", (0, 1), 3),
    ("accept_local", (0, 1), 2),
    ("route_localnet", (1,), 1),
    ("send_redirects", (0, 1), 1),
    ("accept_redirects", (0, 1), 1),
    ("shared_media", (0, 1), 1),
    ("ignore_routes_with_linkdown", (1,), 2),
    ("src_valid_mark", (1,), 1),
    ("proxy_arp_pvlan", (1,), 1),
    ("medium_id", (-1, 1), 1),
    ("arp_accept", (0, 1, 2), 1),
    ("drop_unicast_in_l2_multicast", (1,), 1),
    ("bc_forwarding", (1,), 1),
    ("disable_policy", (1,), 1),
)


@change(8)
def sysctl_of_space(scene: Scene) -> Commands:
    path, values, _ = scene.rng.choices(OF_SPACE, [weight for _, _, weight in OF_SPACE])[0]
    return [sysctl(scene.routing_space(), path, scene.rng.choice(values))]


@change(14)
def sysctl_of_device(scene: Scene) -> Commands:
    """One device, or ``all``, or ``default`` (which no device that is there heeds)."""
    key, values, _ = scene.rng.choices(OF_DEVICE, [weight for _, _, weight in OF_DEVICE])[0]
    device = scene.device()
    if device is None:
        return None
    space, value = device.space, scene.rng.choice(values)
    which = scene.rng.choices((device.name, "all", "default", "lo"), (12, 5, 1, 1))[0]
    commands = []
    if key in ("proxy_arp", "proxy_arp_pvlan"):
        targets = scene.draft.in_space(space) if which == "all" else [device]
        commands = [sysctl(space, f"net/ipv4/neigh/{each.name}/proxy_delay", 0) for each in targets]
    return [*commands, sysctl(space, f"net/ipv4/conf/{which}/{key}", value)]


@change(2)
def reverse_path_strict(scene: Scene) -> Commands:
    """Strict reverse path filtering for a whole namespace at once."""
    return [sysctl(scene.routing_space(), "net/ipv4/conf/all/rp_filter", 1)]
