"""Namespaces that Docker makes for networks and not for containers: Swarm's overlays and load balancers.

Their files are named by libnetwork: `N-` and the beginning of the network's id for an overlay, `lb_` for the sandbox of
its load balancer, `ingress_sbox` for the routing mesh (libnetwork's drivers/overlay/ov_network.go and sandbox.go).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from netdoctor.collect.runtimes import engine
from netdoctor.collect.runtimes.scene import LIMIT, each, word
from netdoctor.facts.host import NamespaceId

_FILE = re.compile(r".*/netns/(\d+-|lb_)([0-9a-z]{9,10})")
INGRESS = "/netns/ingress_sbox"


class _Network(msgspec.Struct):
    Id: str
    Name: str
    Driver: str = ""


def purposes(namespaces: Mapping[int, NamespaceId], sockets: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield (inode, what it is for) of Docker's namespaces without containers; an engine is asked only about some.

    Two engines on one machine may have a part of the same network each: their paths tell them apart.
    """
    hidden = {inode: path for inode, known in namespaces.items() for path in _files(known)}
    networks = list(_networks(sockets)) if hidden else []
    found = {inode: _purpose(path, networks) for inode, path in hidden.items()}
    often = Counter(found.values())
    for inode, what in found.items():
        yield inode, what if often[what] == 1 else f"{what} ({hidden[inode]})"


def _purpose(path: str, networks: list[_Network]) -> str:
    found = _FILE.fullmatch(path)
    if found is None:
        return "Docker's ingress"
    here = next((one for one in networks if one.Id.startswith(found[2])), None)
    driver, name = (here.Driver, here.Name) if here else ("overlay", found[2])
    what = "load balancer of network" if found[1] == "lb_" else f"{driver} network"
    return f"Docker's {what} {name}"


def _files(known: NamespaceId) -> Iterator[str]:
    if not known.is_host and not known.containers:
        yield from (path for path in known.paths if path.endswith(INGRESS) or _FILE.fullmatch(path))


def _networks(sockets: Iterable[str]) -> Iterator[_Network]:
    for path in sockets:
        try:
            answer = list(each(engine.get(path, "/networks", LIMIT), _Network))
        except (OSError, ValueError):
            continue  # whoever lists the containers says why
        yield from (one for one in answer if word(one.Id) and word(one.Name) and len(one.Driver) < 32)
