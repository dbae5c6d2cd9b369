"""The packets of a real probe in a file that others read."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from netdoctor.cli import main
from netdoctor.lab import Fault, Lab, load_faults
from netdoctor.lab.commands import question


def test_the_file_holds_the_way_of_the_packet_up_to_its_end(
    build: Callable[[Fault], Lab], tmp_path: Path
) -> None:
    from scapy.utils import RawPcapNgReader

    lab = build(load_faults()["vxlan/fdb-missing"])
    file, answer = tmp_path / "a.pcapng", tmp_path / "a.json"
    assert main([*question(lab), "--pcap", str(file), "--json", "-o", str(answer)]) == 1
    report = json.loads(answer.read_text(encoding="utf-8"))
    found: list[tuple[bytes, Any]] = list(RawPcapNgReader(str(file)))
    last = report["probe"]["last_seen"]
    ends = [meta for _, meta in found if b"seen here last" in meta.comments]
    assert [meta.ifname.decode() for meta in ends] == [f"{last['namespace']['name']}/{last['interface']}"]
    taps = {f"{tap['namespace']['name']}/{tap['interface']}" for tap in report["probe"]["taps"]}
    assert {meta.ifname.decode() for _, meta in found} == taps
    # Whatever comes by a device was foreseen: where it ends is where it was said to end.
    assert all(comment.startswith(b"predicted: ") for _, meta in found for comment in meta.comments[1:2])

    read = subprocess.run(["tcpdump", "-nn", "-r", str(file)], capture_output=True, text=True, check=True)
    hosts = [report["question"][end]["address"] for end in ("source", "destination")]
    lines = read.stdout.splitlines()
    assert len(lines) == len(found)
    assert all(f"{hosts[0]} > {hosts[1]}: ICMP echo request" in line for line in lines)
