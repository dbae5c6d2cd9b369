from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from netdoctor.cli import main
from netdoctor.facts.host import NamespaceFacts, NamespaceId
from netdoctor.facts.links import IFF_LOOPBACK, IFF_LOWER_UP, IFF_UP, Bridge, Link
from netdoctor.facts.records import Address
from netdoctor.facts.tables import TableHost
from netdoctor.hostmap import HostMap
from netdoctor.lab.record import load_recording
from netdoctor.render.drawing.topology import map_diagram
from netdoctor.render.maptext import render_map
from netdoctor.render.style import Style
from netdoctor.snapshot import save, snapshot_host
from netdoctor.survey import survey

PLAIN = Style(color=False, unicode=True, width=200)
UP = IFF_UP | IFF_LOWER_UP


def chart_of(key: str) -> HostMap:
    return survey(snapshot_host(load_recording(key)))


def joints(chart: HostMap) -> set[tuple[str, str, str]]:
    names = {
        d.id: f"{p.namespace.name.rsplit('-')[-1]}:{d.name}" for p in chart.namespaces for d in p.devices
    }
    return {(names[edge.source], edge.kind, names[edge.target]) for edge in chart.edges}


def test_what_is_cabled_to_what() -> None:
    found = joints(chart_of("vxlan/healthy"))
    assert {("n1:cni0", "port", "n1:va"), ("n1:flannel.1", "tunnel", "n2:flannel.1")} <= found
    assert ("n1:flannel.1", "underlay", "n1:eth0") in found
    assert ("n1:va", "pair", "a:eth0") in found or ("a:eth0", "pair", "n1:va") in found
    assert len(found) == len(chart_of("vxlan/healthy").edges), "each pair once"


def test_a_macvlan_stands_on_its_parent_and_a_swarm_vxlan_on_the_socket_of_another_namespace() -> None:
    assert ("a:eth0", "parent", "n:eth0") in joints(chart_of("macvlan/healthy"))
    chart = chart_of("swarm/healthy")
    assert [part.hub for part in chart.namespaces if part.namespace.name.endswith(("-a", "-b"))] == [
        False,
        False,
    ]


def test_the_text_shows_what_hangs_on_a_bridge() -> None:
    text = render_map(chart_of("bridge/healthy"), PLAIN)
    assert text.startswith("lab: 4 network namespaces, ")
    assert "  br0           bridge, 10.10.0.1/24\n    · va → nd-bridge-a: eth0 10.10.0.2/24\n" in text


def test_a_device_that_is_down_or_has_no_carrier_says_so() -> None:
    text = render_map(chart_of("bridge/source-port-down"), PLAIN)
    assert "va (down) → nd-bridge-a: eth0 10.10.0.2/24 (no carrier)" in text


def crowded(pods: int) -> TableHost:
    host_links = [
        Link(1, "lo", UP | IFF_LOOPBACK, 65536),
        Link(2, "eth0", UP, 1500),
        Link(3, "cni0", UP, 1450, "bridge", bridge=Bridge()),
    ]
    spaces = []
    for n in range(pods):
        host_links.append(
            Link(
                10 + n,
                f"veth{n:06x}",
                UP,
                1450,
                "veth",
                iflink=2,
                link_netnsid=n,
                master=3,
                slave_kind="bridge",
            )
        )
        pod = Link(2, "eth0", UP, 1450, "veth", iflink=10 + n, link_netnsid=0)
        held = Address(2, 2, f"10.244.{n // 250}.{n % 250 + 2}", 16)
        spaces.append(NamespaceFacts(NamespaceId(100 + n, (f"pod-{n}",)), (pod,), (held,), nsids={0: 1}))
    own = NamespaceFacts(
        NamespaceId(1, is_host=True), tuple(host_links), nsids={n: 100 + n for n in range(pods)}
    )
    return TableHost("node", (own, *spaces))


def test_250_pods_are_counted_and_listed_on_demand() -> None:
    chart = survey(crowded(250))
    lines = render_map(chart, PLAIN).splitlines()
    assert len(lines) < 20
    assert lines[-1] == "    · and 242 more veth (-v lists them)"
    assert render_map(chart, PLAIN, verbose=True).count("pod-") == 250


def test_a_map_of_250_pods_can_be_drawn() -> None:
    diagram = map_diagram(survey(crowded(250)))
    assert [vertex.label for vertex in diagram.vertices if vertex.trunk] == ["eth0", "cni0"]


@pytest.mark.parametrize("form", ["text", "json", "dot", "mermaid", "svg"])
def test_a_snapshot_is_mapped_in_every_form_and_redacted(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, mapping = tmp_path / "node.json", tmp_path / "map.json"
    save(load_recording("vxlan/healthy"), file)
    assert main(["map", "--snapshot", str(file), "--output", form]) == 0
    plain = capsys.readouterr().out
    words = ["map", "--snapshot", str(file), "--output", form, "--redact", "--redact-map", str(mapping)]
    assert main(words) == 0
    hidden = capsys.readouterr().out
    assert "nd-vxlan-n1" in plain
    assert "10.244.1.2" in plain
    assert "nd-vxlan" not in hidden
    assert "10.244.1.2" not in hidden
    assert mapping.stat().st_mode & 0o777 == 0o600
    names = json.loads(mapping.read_text(encoding="utf-8"))["names"]
    assert names["nd-vxlan-n1"] in hidden
    if form == "svg":
        ElementTree.fromstring(hidden.encode())


def test_a_map_needs_a_redaction(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["map", "--redact-map", str(tmp_path / "map.json")]) == 2
    assert capsys.readouterr().err == "netdoctor: --redact-map goes with --redact\n"
