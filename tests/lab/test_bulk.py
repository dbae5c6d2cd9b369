"""What connects and then hangs: MTU004's word for it is held against a transfer, and its fix carried out."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest

from netdoctor import cli
from netdoctor.lab import Fault, Lab, load_faults
from netdoctor.lab.commands import question
from netdoctor.lab.netns import FOLDER

CLIENT = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 1) as s:
    s.settimeout(float(sys.argv[3]))
    s.sendall(bytes(50_000))
    s.shutdown(socket.SHUT_WR)
    sys.exit(s.recv(1) != b".")
"""
#: The other fixtures of the kind differ in the backend only.
KEYS = (
    *(f"two-bridges/tcp-smaller-second-hop-{name}" for name in ("iptables-nft", "nft", "related")),
    "kube-proxy/tcp-smaller-uplink",
    "vxlan/tcp-pod-larger-than-tunnel",
)


def transfers(lab: Lab, patience: float) -> bool:
    """Tell whether 50 kB get from the source of the question to its port."""
    asking = lab.asking
    inside = ["nsenter", f"--net={FOLDER / lab.namespace(asking.source)}", "python3", "-c", CLIENT]
    words = [asking.address, str(asking.port), str(patience)]
    return subprocess.run([*inside, *words], capture_output=True).returncode == 0


@pytest.mark.parametrize("key", KEYS)
def test_what_hangs_is_told_and_mended(
    key: str, build: Callable[[Fault], Lab], capsys: pytest.CaptureFixture[str]
) -> None:
    fault = load_faults()[key]
    lab = build(fault)
    assert lab.ping()
    hangs = "MTU004" in fault.expect.hazards
    assert transfers(lab, 1.0 if hangs else 4.0) is not hangs
    assert cli.main([*question(lab), "--no-probe", "--json"]) == 0
    hazards = [entry for entry in json.loads(capsys.readouterr().out)["hazards"] if entry["code"] == "MTU004"]
    for command in [command for entry in hazards for command in entry["fix"]["commands"]]:
        lab.run(command)
    assert bool(hazards) is hangs
    assert transfers(lab, 4.0)
