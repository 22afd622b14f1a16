"""How the tests are shared out between processes, as `make test` has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("counting", deadline=None)  # a slow machine is no fault
settings.load_profile("counting")

LONGEST_FIRST = ("demo", "servers", "storm", "nodes", "redis", "panel")  # rooms whose tests share a server or a browser


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with what takes longest."""
    rank = {name: at for at, name in enumerate(LONGEST_FIRST)}
    rooms = Path(__file__).parent
    items.sort(key=lambda item: rank.get(item.path.relative_to(rooms).parts[0], len(rank)))


@pytest.hookimpl(optionalhook=True)  # where the processes are one, nobody asks
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let a room whose tests share something run in one process, and any other file."""
    from xdist.scheduler import LoadScopeScheduling

    class ByRoom(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            room = path.split("/")[1]
            return room if room in LONGEST_FIRST else path

    return ByRoom(config, log)
