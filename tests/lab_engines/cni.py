"""CNI plugins, called as a container runtime calls them (CNI specification 1.0.0): no engine is needed for that."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from .engine import FAR, NEAR, PREFIX, ask, namespace, remove, run, wire

PLUGINS = Path("/usr/lib/cni")


class Node:
    """A node whose containers are plain namespaces that plugins have put on a network; `far` is beyond its wire."""

    def __init__(self, name: str, folder: Path) -> None:
        self.host, self.far = (f"{PREFIX}{name}-{role}" for role in ("host", "far"))
        self.name, self.folder = name, folder
        self.containers: list[str] = []
        self.addresses: dict[str, str] = {}

    def conflist(self, *plugins: dict[str, Any]) -> Sequence[dict[str, Any]]:
        """A network's configuration: each plugin with what all of a list have, and addresses kept in our folder."""
        whole = {"cniVersion": "1.0.0", "name": f"{self.name}net"}
        for plugin in plugins:
            if "ipam" in plugin:
                plugin["ipam"] |= {"type": "host-local", "dataDir": str(self.folder)}
        return [whole | plugin for plugin in plugins]

    def add(self, container: str, network: Sequence[dict[str, Any]]) -> str:
        """Make a container's namespace, put it on a network, and return the namespace's name."""
        name = f"{PREFIX}{self.name}-{container}"
        self.containers.append(name)
        namespace(name)
        result: dict[str, Any] | None = None
        for plugin in network:
            config = plugin if result is None else plugin | {"prevResult": result}
            result = json.loads(self._call("ADD", name, config))
        assert result is not None
        self.addresses[name] = result["ips"][0]["address"].partition("/")[0]
        return name

    def _call(self, verb: str, name: str, config: dict[str, Any]) -> str:
        told = {"CONTAINERID": name, "NETNS": f"/run/netns/{name}", "IFNAME": "eth0", "PATH": str(PLUGINS)}
        done = subprocess.run(
            ("nsenter", f"--net=/run/netns/{self.host}", str(PLUGINS / config["type"])),
            input=json.dumps(config),
            env=os.environ | {f"CNI_{key}": value for key, value in (told | {"COMMAND": verb}).items()},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, (config["type"], done.stdout, done.stderr)
        return done.stdout

    def why(self, source: str, destination: str) -> tuple[int, Any, str]:
        """Ask netdoctor why no ping passes between two containers."""
        return ask("why-no-ping", source, destination)


@contextmanager
def node(name: str, folder: Path) -> Iterator[Node]:
    """A node with a wire to `far`, and all of its namespaces taken away at the end."""
    if os.geteuid() != 0:
        pytest.skip("needs root: it calls CNI plugins")
    if not (PLUGINS / "bridge").exists():
        pytest.skip(f"no CNI plugins in {PLUGINS} (containernetworking-plugins)")
    made = Node(name, folder)
    try:
        for one in (made.host, made.far):
            namespace(one)
        wire((made.host, "out", f"{NEAR}/24"), (made.far, "in", f"{FAR}/24"))
        run("ip", "netns", "exec", made.host, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        yield made
    finally:
        remove(made.host, made.far, *made.containers)
