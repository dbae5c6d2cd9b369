"""A very large table, read in the parts that a packet comes by, gives the answer that the whole table gives."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from netdoctor.collect.firewall import native, nft
from netdoctor.collect.firewall.wire_values import UntoldError
from netdoctor.collect.live import LiveHost
from netdoctor.collect.namespace import LiveNamespace
from netdoctor.diagnosis import diagnose
from netdoctor.endpoints import resolve
from netdoctor.facts.tables import TableNamespace
from netdoctor.kernel.netfilter.environment import NamespaceEnvironment
from netdoctor.kernel.netfilter.ruleset import ruleset_of
from netdoctor.lab import Fault, Lab, load_faults
from netdoctor.lab.record import request
from netdoctor.report import Cause
from tests.bench import kube_nft
from tests.lab.nf_predict import predict
from tests.lab.nf_router import Probe, Router, probe
from tests.lab.nf_rules import Dialect, ruleset

SEEDS = range(int(os.environ.get("NETDOCTOR_NF_PARTIAL", "12")))
SERVICES = [
    ("10.96.0.1", ("10.2.0.2", "10.2.0.3")),
    ("10.2.0.3", ("10.2.0.2",)),
    ("10.96.0.2", ("10.1.0.2",)),
]


@pytest.fixture
def router(kernel: None) -> Iterator[Router]:
    missing = [tool for tool in ("nft", "iptables-nft-restore", "ipset") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    with Router(f"ndnfp{os.getpid()}-") as router:
        yield router


def written(seed: int, dialect: Dialect) -> str:
    """Return random rules in tables that may be read in part."""
    return re.sub(r"\binet t", "ip t", ruleset(dialect, seed))


def probes(seed: int) -> list[Probe]:
    random = Random(seed)
    found = [probe(random, proto) for proto in (1, 17, 6, 6)]
    return found + [one._replace(dst=random.choice(("10.96.0.1", "10.96.0.2", "10.96.0.9"))) for one in found]


def opened(host: LiveHost, router: Router) -> LiveNamespace:
    found = host.namespace(router.inode)
    assert isinstance(found, LiveNamespace)
    return found


def answers(ns: LiveNamespace | TableNamespace, seed: int) -> list[Any]:
    rules = ruleset_of(ns)
    assert not rules.unread
    return [predict(rules, NamespaceEnvironment(ns, rules), packet) for packet in probes(seed)]


@pytest.mark.parametrize("dialect", ["iptables-nft", "nft"])
def test_parts_give_the_answer_of_the_whole(
    router: Router, dialect: Dialect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nft, "BOTH_WAYS", 0)
    seen: Counter[str] = Counter()
    for seed in SEEDS:
        router.clear()
        router.load(dialect, written(seed, dialect))
        if dialect == "nft":
            router.load("nft", kube_nft.ruleset(SERVICES))
        with LiveHost() as host:
            live = opened(host, router)
            seen.update("in part" if text.partial else "whole" for text in live.firewall())
            partly = answers(live, seed)
            # what fixes are tried on, once the walk has been there
            again = answers(live, seed)
        with LiveHost() as host:
            whole = answers(TableNamespace(opened(host, router).facts()), seed)
        assert partly == whole, f"{dialect} seed {seed}"
        assert again == whole, f"{dialect} seed {seed}"
    assert seen["in part"] >= len(SEEDS)


@pytest.mark.parametrize(
    "key",
    ["kube-proxy/services-not-called", "kube-proxy-nft/node-policy-drop", "kube-proxy-nft/dead-endpoint"],
)
def test_a_fix_is_proven_on_the_parts_that_were_read(
    build: Callable[[Fault], Lab], key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = load_faults()[key]
    lab = build(fault)
    asked = replace(request(fault), source=f"netns:{lab.namespace(fault.asking.source)}")
    if fault.asking.by_name:
        asked = replace(asked, destination=f"netns:{lab.namespace(fault.asking.destination)}")

    def causes() -> tuple[Cause, ...]:
        with LiveHost() as host:
            return diagnose(host, resolve(host, asked)).causes

    whole = causes()
    monkeypatch.setattr(nft, "BOTH_WAYS", 0)
    assert causes() == whole
    assert whole
    assert all(cause.fix is not None and cause.fix.verified for cause in whole if fault.accept_repair)


def listed(router: Router, table: str) -> list[dict[str, Any]]:
    done = router.tool("nft", "-j", "-a", "list", "table", "ip", table)
    items: list[dict[str, Any]] = json.loads(done.stdout)["nftables"]
    return items


def plain(elements: list[Any]) -> list[str]:
    """Return the elements of a set without what nft says besides (a timeout, a counter)."""
    return sorted(
        str(each["elem"]["val"] if isinstance(each, dict) and "elem" in each else each) for each in elements
    )


def test_what_is_told_of_a_native_table_is_what_nft_says(router: Router) -> None:
    told: Counter[bool] = Counter()
    for seed in SEEDS:
        router.clear()
        router.load("nft", written(seed, "nft"))
        router.load("nft", kube_nft.ruleset(SERVICES))
        with LiveHost() as host:
            live = opened(host, router)
            access = host.pool.access(live.id)
            for table in ("t0", "kube-proxy"):
                items = listed(router, table)
                with native.Part(access, "ip", table) as part:
                    told.update(agrees(part, items, table == "kube-proxy"))
    assert told[True] > 3 * len(SEEDS) + len(SEEDS) * kube_nft.FRAME_RULES


def agrees(part: native.Part, items: list[dict[str, Any]], entirely: bool) -> Iterator[bool]:
    """Yield for every rule and set whether it was told here; raise AssertionError where nft says otherwise."""
    for chain in [item["chain"]["name"] for item in items if "chain" in item]:
        rules = [item for item in items if item.get("rule", {}).get("chain") == chain]
        try:
            assert part.chain(chain)[1:] == rules
        except UntoldError:
            assert not entirely, chain
            yield False
        else:
            yield from (True for _ in rules)
    for item in items:
        [(kind, found)] = item.items()
        if kind in ("set", "map"):
            try:
                said = part.set(found["name"], None)[kind]
            except UntoldError:
                assert not entirely, found["name"]
                yield False
                continue
            assert said["type"] == found["type"]
            assert plain(said["elem"]) == plain(found.get("elem", []))
            yield True
