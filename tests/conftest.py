"""Tests run side by side (`pytest -n`): which of them do not stand that are kept together, one after the other."""

from __future__ import annotations

import pytest

#: A file's place → its group. Engines are started once for a file; who looks at what is left behind in the system, at
#: tracing instances, at claims or at control groups, must not see another's.
GROUPS = {
    "lab_engines/test_docker.py": "docker",
    "lab_engines/test_podman.py": "podman",
    "lab/test_hosts.py": "ssh",
    "lab/test_probe_safety.py": "evidence",
    "lab/test_probes.py": "evidence",
    "lab/test_trace_killed.py": "evidence",
    "lab/test_trace_live.py": "evidence",
    "lab/test_trace_odd.py": "evidence",
    "lab/test_trace_rules.py": "evidence",
    "lab_collect/test_runtimes.py": "runtimes",
    "unit/test_render_drawings.py": "drawings",
    "unit/test_probe_pattern.py": "pattern",
    "repo/test_wheel.py": "wheel",
}


@pytest.hookimpl(tryfirst=True)  # before xdist reads the markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        group = GROUPS.get("/".join(item.path.parts[-2:]))
        if group is not None:
            item.add_marker(pytest.mark.xdist_group(group))
