"""Routes that BGP brings, between nodes next to each other and over a router: bird, which is Calico's daemon too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .bgp import Cluster, cluster, pod_address
from .breakage import Breakage, hold
from .engine import answered, ask


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three nodes and a router that have told each other of their containers."""
    with cluster(tmp_path_factory.mktemp("bgp")) as made:
        yield made


@pytest.mark.parametrize(("source", "destination"), [("one", "two"), ("three", "one")])
def test_between_nodes_and_over_the_router_it_is_seen_as_healthy(
    nodes: Cluster, source: str, destination: str
) -> None:
    near, far = getattr(nodes, source), getattr(nodes, destination)
    assert answered(f"ip netns exec {near.name}-pod", pod_address(far))
    code, report, said = ask("why-no-ping", f"{near.name}-pod", f"{far.name}-pod")
    assert code == 0, (said, report and report["summary"])


#: Configurations of bird by what is wrong with them.
CHANGED = {
    "right": {},
    "deaf": {"imported": "where net !~ 10.201.2.0/24"},
    "mute": {"exported": "none"},
    "astray": {"exported": "filter { bgp_next_hop = 198.51.100.77; accept; }"},
    "stale": {"stale": "10.201.2.0/26"},
}

#: Faults that are no matter of routes: nothing is said of who installs them.
NOT_BIRDS = ("strict", "no-proxy")
PROXY = "ip netns exec {one} sysctl -qw net.ipv4.conf.cali0.proxy_arp="

#: Who pings whom. `{one}` is a node's namespace, `{right_one}` loads its configuration again.
BREAKAGES = {
    "session-down": (
        "one",
        "two",
        Breakage("birdc -s {ctl_two} disable as64501", "birdc -s {ctl_two} enable as64501", "RTE009", "{one}/uplink"),
    ),
    "session-down-beyond": (
        "one",
        "three",
        Breakage("birdc -s {ctl_three} disable as64510", "birdc -s {ctl_three} enable as64510", "RTE002", "{tor}"),
    ),
    "not-imported": ("one", "two", Breakage("{deaf_one}", "{right_one}", "RTE009", "{one}/uplink")),
    "not-exported": ("three", "one", Breakage("{mute_three}", "{right_three}", "RTE002", "{tor}")),
    "wrong-next-hop": ("one", "two", Breakage("{astray_two}", "{right_two}", "RTE008", "{one}/out")),
    "stale-block": ("one", "two", Breakage("{stale_one}", "{right_one}", "RTE002", "{one}")),
    "strict": (
        "two",
        "one",
        Breakage(
            "ip netns exec {one} sysctl -qw net.ipv4.conf.out.rp_filter=1; {deaf_one}",
            "ip netns exec {one} sysctl -qw net.ipv4.conf.out.rp_filter=0; {right_one}",
            "SYS003",
            "{one}/out",
        ),
    ),
    "no-proxy": (
        "one",
        "two",
        Breakage(PROXY + "0; ip -n {one}-pod neigh flush all", PROXY + "1", "NEI007", "{one}/cali0"),
    ),
}


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_a_breakage_is_named_and_mended_by_its_own_commands(nodes: Cluster, breakage: str) -> None:
    source, destination, broken = BREAKAGES[breakage]
    near, far = getattr(nodes, source), getattr(nodes, destination)
    try:
        report = hold(
            broken,
            words(nodes),
            lambda: answered(f"ip netns exec {near.name}-pod", pod_address(far)),
            lambda: ask("why-no-ping", f"{near.name}-pod", f"{far.name}-pod"),
        )
    finally:
        nodes.forget()
    assert (breakage in NOT_BIRDS) != ("bird" in report["causes"][0]["explanation"])


def words(nodes: Cluster) -> dict[str, str]:
    """What the braces in the breakages stand for."""
    found = {"tor": nodes.router.name}
    for key in ("one", "two", "three"):
        node = getattr(nodes, key)
        found |= {key: node.name, f"ctl_{key}": f"{node.folder}/ctl"}
        for called, changed in CHANGED.items():
            found[f"{called}_{key}"] = node.configuration(called, **changed)
    return found
