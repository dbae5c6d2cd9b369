"""What preflight says holds against what the kernel lets a user do, and looking changes nothing."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from netdoctor.cli import main
from netdoctor.preflight import namespaces, scratch
from tests.lab_collect.conftest import Bench


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = {item["what"]: item for item in json.loads(capsys.readouterr().out)["items"]}
    return found


def test_programs_are_needed_where_rules_of_theirs_are_loaded(bench: Bench) -> None:
    full = bench.add("rules")
    bench.inside(full, "iptables-legacy", "-t", "mangle", "-A", "FORWARD", "-j", "ACCEPT")
    bench.inside(full, "ip6tables-nft", "-A", "FORWARD", "-j", "ACCEPT")
    bench.inside(full, "nft", "add table inet t; add chain inet t c { type filter hook input priority 0; }")
    bench.inside(full, "ipset", "create", "s", "hash:ip")
    before = [bench.inside(full, *command) for command in (("nft", "list", "ruleset"), ("ipset", "save"))]
    seen = namespaces.look()
    needed = {program for program, where in seen.used.items() if full in where or "more have such" in where}
    assert {"iptables-legacy-save", "ip6tables-nft-save", "nft", "ipset"} <= needed
    assert full not in seen.closed
    assert before == [bench.inside(full, *one) for one in (("nft", "list", "ruleset"), ("ipset", "save"))]
    assert bench.inside(full, "cat", "/proc/net/ip_tables_names") == "mangle\n"


def test_a_trace_is_tried_in_a_namespace_that_is_gone_afterwards(bench: Bench) -> None:
    own = os.stat("/proc/thread-self/ns/net").st_ino
    inside = scratch.run(lambda: (scratch.traces(), os.stat("/proc/thread-self/ns/net").st_ino))
    assert inside[0]  # this kernel knows owners of tables
    assert inside[1] != own
    assert os.stat("/proc/thread-self/ns/net").st_ino == own
    assert "netdoctor-preflight" not in bench.run("nft", "list", "tables")


def test_a_user_without_privilege_is_told_what_that_costs(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.add("closed")
    main(["preflight", "--json"])  # so that no module is left to import from a folder of root's
    before = told(capsys)
    assert before["raw sockets"]["state"] == "ok"
    os.seteuid(65534)
    try:
        assert main(["preflight", "--json"]) == 3
    finally:
        os.seteuid(0)
    found = told(capsys)
    assert found["network namespaces"]["state"] == "limited"
    for what in ("CAP_SYS_ADMIN", "raw sockets", "AF_PACKET", "nf_tables", "TRACE by nf_tables"):
        assert found[what]["state"] == "missing", what
    assert found["netlink"]["state"] == "ok"
