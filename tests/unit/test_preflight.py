"""`netdoctor preflight`: whoever asks, and whatever is missing."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from netdoctor.cli import main
from netdoctor.preflight import kernel, namespaces, packages, privileges, runtimes, tools
from netdoctor.preflight.records import SCHEMA, Item, Preflight
from netdoctor.render.preflight import render_preflight
from netdoctor.render.style import Style
from netdoctor.report import Tool

PLAIN = Style(color=False, unicode=True, width=100)


def answer(*items: Item) -> Preflight:
    ready = all(item.state == "ok" for item in items if item.needed)
    return Preflight(SCHEMA, Tool("netdoctor", "0"), "", "lab", "6.1", "3.11", "root", ready, items)


def test_the_exit_code_says_what_the_document_says(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["preflight", "--json"])
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert told["schema"] == "netdoctor.preflight/1"
    assert code == (0 if told["ready"] else 3)
    assert told["ready"] == all(one["state"] == "ok" for one in told["items"] if one["needed"])
    assert {one["area"] for one in told["items"]} == {
        "privileges", "kernel", "namespaces", "tools", "runtimes", "packages"
    }  # fmt: skip
    # A lack says what it costs and what would change it.
    assert all(one["cost"] and one["remedy"] for one in told["items"] if one["state"] != "ok")


def test_without_a_capability_it_says_what_that_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privileges, "capabilities", lambda: 1 << 12)
    found = {item.what: item for item in privileges.examine()}
    assert found["CAP_NET_ADMIN"].state == "ok"
    assert (found["CAP_NET_RAW"].state, found["CAP_NET_RAW"].needed) == ("missing", True)
    assert "no real packet" in str(found["CAP_NET_RAW"].cost)
    assert not found["CAP_DAC_READ_SEARCH"].needed


def test_a_tool_is_needed_where_something_here_is_read_with_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tools, "PATH", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    found = {item.what: item for item in tools.examine({"nft": "pod-a has such"})}
    assert {item.state for item in found.values()} == {"missing"}
    assert found["nft"].needed
    assert "pod-a has such" in str(found["nft"].cost)
    assert not found["ipset"].needed
    assert "Debian: ipset" in str(found["ipset"].remedy)


def test_a_tool_that_is_there_is_named_by_its_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "nft").write_text("#!/bin/sh\n")
    (tmp_path / "nft").chmod(0o755)
    monkeypatch.setattr(tools, "PATH", str(tmp_path))
    found = {item.what: item for item in tools.examine({})}
    assert (found["nft"].state, found["nft"].found) == ("ok", str(tmp_path / "nft"))


def test_namespaces_that_stay_closed_are_named_up_to_a_number() -> None:
    closed = tuple(f"pod-{n}" for n in range(30))
    (item,) = namespaces.examine(namespaces.Seen(40, closed, (), {}, ()))
    assert (item.state, item.found, item.needed) == ("limited", "10 of 40 can be entered", True)
    assert item.cost == f"nothing is known of {', '.join(closed[:10])} and 20 more"


def test_a_kernel_that_refuses_is_told_from_one_that_lacks() -> None:
    def refuses() -> None:
        raise PermissionError(1, "no")

    def lacks() -> None:
        raise OSError(93, "Protocol not supported")

    assert kernel._asked("nf_tables", refuses, "rules").state == "missing"
    assert kernel._asked("nf_tables", refuses, "rules").needed
    assert kernel._asked("nf_tables", lacks, "rules").state == "ok"  # nothing is filtered either
    assert kernel._asked("netlink", lacks, "all").state == "missing"


def test_a_runtime_is_named_by_its_socket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = str(tmp_path / "docker.sock")
    monkeypatch.setattr(runtimes, "sockets", lambda: [path])
    monkeypatch.setattr(runtimes, "_folders", lambda: iter(()))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as engine:
        engine.bind(path)
        engine.listen()
        found = {item.what: item for item in runtimes.examine()}
        assert found[f"Docker, {path}"].found == "answers"
    silent = {item.what: item for item in runtimes.examine()}[f"Docker, {path}"]
    assert (silent.state, silent.needed) == ("limited", False)
    assert "Connection refused" in silent.found


def test_without_its_packages_it_says_so_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = packages.Package("netdoctor_no_such", "no-such", "nothing")
    assert packages.installed(absent) is None
    monkeypatch.setattr(packages, "PACKAGES", (*packages.PACKAGES, absent))
    assert main(["preflight"]) == 3
    assert "not installed: no-such" in capsys.readouterr().err


def test_the_text_names_each_lack_with_cost_and_remedy() -> None:
    lack = Item("tools", "nft", "missing", "not found", "rules unknown", "install nft", True)
    text = render_preflight(answer(Item("kernel", "netlink", "ok", "answers", needed=True), lack), PLAIN)
    assert "✓ netlink  answers" in text
    assert "╳ nft  missing: not found\n      costs: rules unknown\n      to change that: install nft" in text
    assert text.endswith("? limited: of what a diagnosis needs here it lacks nft\n")
    assert render_preflight(answer(), PLAIN).endswith("✓ a diagnosis finds here all that it needs\n")


def test_what_the_system_calls_itself_reaches_no_terminal_as_it_is() -> None:
    text = render_preflight(
        answer(Item("namespaces", "a\x1b[31m", "limited", "\u202eb", "c\nd", "\x07")), PLAIN
    )
    assert not {"\x1b", "\u202e", "\x07"} & set(text)
