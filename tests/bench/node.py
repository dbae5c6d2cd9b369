"""A node as Docker would make one: a bridge, pods on it, each with eth0 and a default route. In namespaces only."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

PREFIX = "ndbench-"
NODE = f"{PREFIX}node"

#: Routes that a node of a cluster has beside its own: one for each other node.
ROUTES = 60


#: Seconds for the kernel to finish what building (and removing the network before) set off.
SETTLE = 1.5


def pod(number: int) -> str:
    """Name the namespace of a pod; the first two are those that ping each other."""
    return f"{PREFIX}pod-{number}"


def pod_address(number: int) -> str:
    """Address of a pod in 10.77.0.0/16."""
    number += 2
    return f"10.77.{number // 256}.{number % 256}"


def run(script: str, *arguments: str) -> None:
    """Feed a batch to `ip` or `bridge`; one process for many commands."""
    subprocess.run([*arguments, "-batch", "-"], input=script, text=True, check=True)


@contextmanager
def node(pods: int) -> Iterator[None]:
    """Build the node with so many pods, and take it away."""
    remove()
    try:
        build(pods)
        time.sleep(SETTLE)
        yield
    finally:
        remove()


def build(pods: int) -> None:
    """Build it. What exists already of the same names must be removed before."""
    names = [NODE, *(pod(n) for n in range(pods))]
    run("".join(f"netns add {name}\n" for name in names), "ip")
    pairs = "".join(
        f"link add veth{n} type veth peer name eth0 netns {pod(n)}\nlink set veth{n} master br0 up\n"
        for n in range(pods)
    )
    far = "".join(f"route add 10.78.{n}.0/24 via 10.77.255.254\n" for n in range(ROUTES))
    run(
        "link set lo up\nlink add br0 type bridge\naddr add 10.77.0.1/16 dev br0\nlink set br0 up\n"
        + pairs
        + far,
        "ip",
        "-n",
        NODE,
    )
    for n in range(pods):
        run(
            f"link set lo up\naddr add {pod_address(n)}/16 dev eth0\nlink set eth0 up\n"
            "route add default via 10.77.0.1\n",
            "ip",
            "-n",
            pod(n),
        )
    # The neighbours and the forwarding database of a node in use.
    for n in range(min(pods, 20)):
        ping(n, "10.77.0.1")


def ping(number: int, address: str) -> None:
    """Let a pod ping an address; raises CalledProcessError where no reply comes."""
    command = ["ip", "netns", "exec", pod(number), "ping", "-c1", "-W2", "-q", address]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def meet(one: int, other: int) -> None:
    """Let two pods learn each other's lladdr."""
    ping(one, pod_address(other))


def forget(*numbers: int) -> None:
    """Empty the neighbour caches of pods."""
    for number in numbers:
        subprocess.run(["ip", "-n", pod(number), "neigh", "flush", "all"], check=True)


def remove() -> None:
    """Delete every namespace of this benchmark, whatever state it was left in."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    names = [line.split()[0] for line in listed.splitlines() if line.startswith(PREFIX)]
    if names:
        run("".join(f"netns del {name}\n" for name in names), "ip", "-force")
