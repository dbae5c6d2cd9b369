"""Pairs of WireGuard keys, private and public, made for these networks and used nowhere else."""

from __future__ import annotations

PAIRS = (
    ("0MrZg0SNeMFeNawXFUK1G1svuYzLz/Vf2mBdEw07fko=", "GupJOD7uO3n8DXyGcqZeoyKtNeOMgQEUoMInvg07xXU="),
    ("kArjgPJhv00S2zCCkt0WItYAdwBB5eug4LupMzEujUw=", "nfS+ByesiNRPSJk1+m4c9WSQ99kIzGvC39nARikS1yI="),
    ("KL4AfRc2MiWu8LrQ6HBV2pcybnHisw6VvfWv4M82nEU=", "aXr0Zg2Il4LpgXVFxsJaeSEjtmTg5h+10nrjIQX/EVs="),
)
