"""Drawings are looked at by people; what a program can tell of them is told here."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest
from msgspec.structs import replace

from netdoctor.diagnosis import diagnose
from netdoctor.endpoints import resolve
from netdoctor.lab import load_faults
from netdoctor.lab.record import load_recording, request
from netdoctor.render.drawing.dot import render_dot
from netdoctor.render.drawing.layout import PILL_HEIGHT, place
from netdoctor.render.drawing.mermaid import render_mermaid
from netdoctor.render.drawing.path import path_diagram
from netdoctor.render.drawing.svg import render_svg
from netdoctor.report import Edge, NamespaceRef, Node, PathPart, Report
from netdoctor.snapshot import snapshot_host
from tests.unit.reports import report

SVG = "{http://www.w3.org/2000/svg}"
LOOKED_AT = [
    "bridge/healthy",
    "bridge/port-in-wrong-bridge",
    "bridge/two-nics-strict-arp",
    "host-gw/asymmetric-loose",
    "kube-proxy/service",
    "macvlan/wrong-permanent-neighbour",
    "routed/veth-mtu-mismatch",
    "swarm/healthy",
    "two-bridges/composite-three-base-chains",
    "vxlan/fdb-missing",
    "vxlan/reply-fdb-other-node",
    "vxlan-l2/stale-local-port",
]
EVIL = '"]; end --> x\\"} </text><script>alert(1)</script> `$(id)` \x1b[31m\u202e &amp; <br/> %%{init'

QUOTED = r'"(?:[^"\\]|\\.)*"'
ATTRIBUTES = rf"\[(?:\w+=(?:{QUOTED}|\w+)(?:, )?)+\]"
DOT = re.compile(
    rf"digraph netdoctor \{{|  (?:graph|node|edge) {ATTRIBUTES};|  subgraph cluster_\d+ \{{|    label={QUOTED};"
    rf"|    n\d+ {ATTRIBUTES};|  n\d+ -> n\d+ {ATTRIBUTES};|  \}}|\}}"
)
LABEL = r'"[^"]*"'
MERMAID = re.compile(
    rf"%% [^{{}}]*|flowchart TB|  subgraph g\d+\[{LABEL}\]|    n\d+\[{LABEL}\]|  end"
    rf"|  n\d+ (?:-->|-\.->|--x|---|-\.-)(?:\|{LABEL}\|)? n\d+|  classDef .*|  class n\d+(?:,n\d+)* \w+"
)


@pytest.fixture(scope="module", params=LOOKED_AT)
def found(request: pytest.FixtureRequest) -> Report:
    return report_of(request.param)


def report_of(key: str) -> Report:
    host = snapshot_host(load_recording(key))
    return diagnose(host, resolve(host, request(load_faults()[key])))


def hostile(size: int = 1) -> Report:
    """A report whose names are all chosen to break what is drawn from them."""
    nodes = tuple(
        Node(f"{EVIL}{n}", EVIL, EVIL, NamespaceRef(f"{EVIL}{n}", n), EVIL, EVIL, "passed")
        for n in range(size)
    )
    edges = tuple(
        Edge(a.id, b.id, EVIL, EVIL, "used", ("request",)) for a, b in zip(nodes, nodes[1:], strict=False)
    )
    loose = Edge("nowhere", nodes[0].id, "x", "y", "used")
    made = report(summary=EVIL)
    return replace(made, path=PathPart(nodes, (*edges, loose), made.path.legs))


def words(svg: str) -> list[str]:
    return [
        "".join(element.itertext()) for element in ElementTree.fromstring(svg.encode()).iter(f"{SVG}text")
    ]


def test_an_svg_names_every_device_of_the_path_and_every_namespace(found: Report) -> None:
    shown = " ".join(words(render_svg(path_diagram(found))))
    for node in found.path.nodes:
        assert node.interface is None or node.interface in shown
        assert node.namespace.name in shown


def test_ways_and_ends_are_told_apart_without_colour(found: Report) -> None:
    drawing = ElementTree.fromstring(render_svg(path_diagram(found)).encode())
    looks = [element.get("class") or "" for element in drawing.iter()]
    legs = {leg for edge in found.path.edges for leg in edge.legs}
    for leg in ("request", "reply"):
        assert (f"line {leg}" in looks) == (leg in legs)
    ended = any(node.state == "ended" for node in found.path.nodes)
    assert ("cross" in looks) == ended == (found.verdict == "unreachable")
    style = next(element.text or "" for element in drawing.iter(f"{SVG}style"))
    assert re.search(r"\.reply\{[^}]*stroke-dasharray", style)
    assert not re.search(r"\.request\{[^}]*stroke-dasharray", style)


def test_where_a_leg_ends_is_said_beside_the_device(found: Report) -> None:
    for leg in found.path.legs:
        if leg.outcome == "dropped":
            assert any(
                f"the {leg.direction} ends here" in text for text in words(render_svg(path_diagram(found)))
            )


def test_nothing_lies_over_another_and_nothing_leaves_the_page(found: Report) -> None:
    placed = place(path_diagram(found), 40)
    edges = [40]
    for row in placed.rows:
        assert row.y >= edges[-1]
        edges.append(row.y + max(PILL_HEIGHT, row.height))
    assert all(one.bottom <= other.top for one, other in zip(placed.boxes, placed.boxes[1:], strict=False))
    drawing = ElementTree.fromstring(render_svg(path_diagram(found)).encode())
    for element in drawing.iter(f"{SVG}text"):
        size = 8.5 if element.get("class") == "title" else 7.3
        if element.get("text-anchor") != "end":
            assert int(element.get("x") or 0) + size * len("".join(element.itertext())) <= placed.width


def test_a_way_not_travelled_is_drawn_to_the_destination() -> None:
    diagram = path_diagram(report_of("vxlan/fdb-missing"))
    unreached = [vertex.label for vertex in diagram.vertices if vertex.state == "unreached"]
    assert unreached == ["flannel.1", "cni0", "vb", "eth0"]
    assert [bond.way for bond in diagram.bonds if bond.way in ("cable", "unused")] == [
        "cable",
        "unused",
        "cable",
        "cable",
    ]


def test_dot_and_mermaid_keep_to_their_grammar(found: Report) -> None:
    for report_ in (found, hostile(5)):
        diagram = path_diagram(report_)
        assert [line for line in render_dot(diagram).splitlines() if not DOT.fullmatch(line)] == []
        assert [line for line in render_mermaid(diagram).splitlines() if not MERMAID.fullmatch(line)] == []


def test_labels_cannot_become_markup() -> None:
    diagram = path_diagram(hostile())
    drawing = ElementTree.fromstring(render_svg(diagram).encode())
    assert {element.tag.removeprefix(SVG) for element in drawing.iter()} <= {
        "svg",
        "title",
        "style",
        "rect",
        "text",
        "path",
        "polygon",
    }
    for text in (render_svg(diagram), render_dot(diagram), render_mermaid(diagram)):
        assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", text)
    assert "<script" not in render_mermaid(diagram)


def test_a_thousand_devices_are_no_more_than_a_long_page() -> None:
    diagram = path_diagram(hostile(1000))
    assert len(diagram.vertices) == 400
    assert "600 more devices are not drawn" in render_svg(diagram)


def test_sixty_copies_of_a_flood_are_all_drawn() -> None:
    port = [Node(f"1/{n}", "veth", None, NamespaceRef("h", 1), f"v{n}", "", "visited") for n in range(2, 62)]
    far = [
        Node(f"{n}/2", "veth", None, NamespaceRef(f"c{n}", n), "eth0", "", "visited") for n in range(2, 62)
    ]
    bridge = Node("1/1", "bridge", None, NamespaceRef("h", 1), "br0", "", "passed")
    edges = [Edge("1/1", node.id, "bridge", "forward", "visited") for node in port]
    edges += [Edge(a.id, b.id, "receive", "received", "visited") for a, b in zip(port, far, strict=True)]
    made = replace(report(), path=PathPart((bridge, *port, *far), tuple(edges), ()))
    shown = words(render_svg(path_diagram(made)))
    assert {f"v{n}" for n in range(2, 62)} | {f"c{n}: eth0" for n in range(2, 62)} <= set(shown)


def test_a_report_without_a_path_is_drawn_too() -> None:
    empty = path_diagram(replace(report(), path=PathPart((), (), ())))
    ElementTree.fromstring(render_svg(empty).encode())
    assert render_dot(empty).endswith("}\n")
    assert "flowchart TB" in render_mermaid(empty)
