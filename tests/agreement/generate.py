"""A random network with random changes, as a pure function of a seed."""

from __future__ import annotations

import random
from dataclasses import replace
from ipaddress import ip_address, ip_interface

from tests.agreement.changes import REGISTRY, Scene
from tests.agreement.families import FAMILIES
from tests.agreement.model import Draft, Endpoint
from tests.agreement.plan import Change, Plan, Question, WarmUp
from tests.agreement.rules import random_rules

CHANGE_COUNTS = ((0, 14), (1, 34), (2, 29), (3, 23))
"""How many changes, and how often."""

BESIDE_RULES = ((0, 75), (1, 25))
"""The same where the rules are what is asked about."""


def random_network(seed: int, rules: bool = False) -> Plan:
    """The plan of this seed; the same in every process and on every machine. Touches nothing.

    `rules` puts rulesets on the network, and leaves more of it as it was.
    """
    rng = random.Random(f"agreement-{seed}")
    names = list(FAMILIES)
    family = rng.choices(names, [FAMILIES[name][0] for name in names])[0]
    draft = Draft(rng)
    FAMILIES[family][1](draft)
    extras(draft)
    question = ask(draft)
    warm_up = warming(draft, question)
    if rules:
        question = _other_protocol(draft, question)
    return Plan(
        seed=seed,
        family=family,
        namespaces=tuple(draft.roles),
        build=draft.build(),
        warm_up=warm_up,
        changes=tuple(_with_rules(draft, question) if rules else changes(draft, question)),
        question=question,
    )


def extras(draft: Draft) -> None:
    """What any network may have besides: a second address on an interface or on lo, with a route to it."""
    rng = draft.rng
    if rng.random() > 0.25:
        return
    owners = [device for device in draft.of("eth") if device.addresses]
    owner = rng.choice(owners)
    second = str(draft.subnet(24, 28)[rng.randrange(2, 10)])
    if rng.random() < 0.6:
        draft.address(owner, f"{second}/32")
    else:
        draft.configure(owner.space, "ip", "addr", "add", f"{second}/32", "dev", "lo")
        draft.endpoints.append(Endpoint(owner.space, second))
    port = owner.peer
    if port is None:
        return
    via = port.master or port
    on_gateway = rng.random() < 0.85 and draft.roles[via.space] in ("host", "router")
    if not on_gateway:
        return
    if via is port and not via.addresses:
        draft.route(via.space, f"{second}/32", "dev", via.name)
    elif any(ip_address(owner.first_ip or 0) in ip_interface(cidr).network for cidr in via.addresses):
        draft.route(via.space, f"{second}/32", "via", str(owner.first_ip), "dev", via.name)


def ask(draft: Draft) -> Question:
    """Two ends in different namespaces, mostly containers; an address of the second; the options of the ping."""
    rng = draft.rng

    def weight(point: Endpoint) -> int:
        return {"container": 8, "host": 2, "router": 1}.get(draft.roles[point.space], 1)

    target = rng.choices(draft.endpoints, [weight(point) for point in draft.endpoints])[0]
    others = [point for point in draft.endpoints if point.space != target.space]
    source = rng.choices(others, [weight(point) for point in others])[0]
    owned = [point.address for point in draft.endpoints if point.space == target.space]
    mine = [point.address for point in draft.endpoints if point.space == source.space]
    from_address = source.address if rng.random() < (0.2 if len(mine) > 1 else 0.03) else None
    sizes = ((56, False), (2000, True), (rng.randint(500, 1472), True), (rng.randint(1000, 4000), False))
    size, df = rng.choices(sizes, (86, 5, 5, 4))[0]
    return Question(
        source=source.space,
        destination=target.space,
        address=target.address,
        by_name=len(owned) == 1 and rng.random() < 0.25,
        from_address=from_address,
        size=size,
        df=df,
    )


def _other_protocol(draft: Draft, question: Question) -> Question:
    """Some of the questions are about a TCP connection or a UDP datagram; rarely nobody listens."""
    rng = draft.rng
    protocol = rng.choices(("icmp", "tcp", "udp"), (60, 22, 18))[0]
    if protocol == "icmp":
        return question
    port, listening = rng.choice((80, 443, 53, 8080)), rng.random() < 0.93
    return replace(question, protocol=protocol, port=port, listening=listening, size=56, df=False)


def warming(draft: Draft, question: Question) -> tuple[WarmUp, ...]:
    """Pings before the changes: none, along the question, against it, between others."""
    rng = draft.rng
    if rng.random() < 0.6:
        return ()
    backward = [point.address for point in draft.endpoints if point.space == question.source][0]
    pings = [WarmUp(question.source, question.address), WarmUp(question.destination, backward)]
    for _ in range(2):
        source, target = rng.choice(draft.endpoints), rng.choice(draft.endpoints)
        if source.space != target.space:
            pings.append(WarmUp(source.space, target.address))
    return tuple(rng.sample(pings, rng.randint(1, len(pings))))


def _with_rules(draft: Draft, question: Question) -> list[Change]:
    few = changes(draft, question, BESIDE_RULES)
    return [*few, *random_rules(draft, question)]


def changes(
    draft: Draft, question: Question, counts: tuple[tuple[int, int], ...] = CHANGE_COUNTS
) -> list[Change]:
    """Up to three changes that this network has a place for."""
    rng = draft.rng
    count = rng.choices([n for n, _ in counts], [weight for _, weight in counts])[0]
    kinds = list(REGISTRY)
    scene = Scene(draft, question)
    done: list[Change] = []
    while len(done) < count:
        kind = rng.choices(kinds, [REGISTRY[name][0] for name in kinds])[0]
        commands = REGISTRY[kind][1](scene)
        if commands:
            done.append(Change(kind, tuple(commands)))
    return done
