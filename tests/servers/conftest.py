"""Every server configuration is started once, when the first test asks for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest

from servers.configurations import CONFIGURATIONS
from servers.process import Server

Start = Callable[[str], Awaitable[Server]]


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Return the running server of a configuration."""
    running: dict[str, Server] = {}

    async def started(name: str) -> Server:
        if name not in running:
            running[name] = Server(CONFIGURATIONS[name], tmp_path_factory.mktemp("server"))
        await running[name].wait_until_ready()
        return running[name]

    yield started
    for server in running.values():
        server.process.terminate()
    for server in running.values():
        server.stop()


@pytest.fixture(params=CONFIGURATIONS)
async def server(request: pytest.FixtureRequest, start: Start) -> Server:
    """One configuration after the other."""
    return await start(request.param)


@pytest.fixture
async def servers(start: Start) -> dict[str, Server]:
    """All of them, for tests that mostly wait."""
    return {server.name: server for server in await asyncio.gather(*map(start, CONFIGURATIONS))}
