"""How the tests are shared out between processes: `pytest -n 2 --dist loadgroup`."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
LONGEST_FIRST = ("demo", "servers", "storm", "nodes", "redis", "panel")  # rooms whose tests share a server or a browser


def room(item: pytest.Item) -> str:
    return item.path.relative_to(HERE).parts[0]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let a room whose tests share something run in one process, and start with what takes longest."""
    if not config.pluginmanager.hasplugin("xdist"):
        return
    for item in items:
        shares = room(item) in LONGEST_FIRST
        item.add_marker(pytest.mark.xdist_group(room(item) if shares else f"{room(item)}/{item.path.stem}"))
    rank = {name: at for at, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: rank.get(room(item), len(rank)))
