"""Starting and stopping: lifespan passes through, and open connections do not hold a server back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import wsauth
from servers.client import Handshake, close_of, connect, fresh, presenting, token
from servers.configurations import CONFIGURATIONS
from servers.process import Server

if TYPE_CHECKING:
    from websockets import ClientConnection

SOURCE = str(Path(wsauth.__file__).parent)
SOCKETS = 20


async def test_lifespan_reaches_the_application(server: Server):
    """The middleware passes lifespan through, and http; daphne has no lifespan."""
    assert await server.ask("ready") == {"lifespan": ["startup"] if server.facts.has_lifespan else []}


@pytest.mark.parametrize("name", CONFIGURATIONS)
async def test_server_with_open_connections_stops(name: str, tmp_path: Path):
    """On SIGTERM every client is let go and the process exits, as it does without wsauth; no traceback runs through us."""
    server = Server(CONFIGURATIONS[name], tmp_path)
    try:
        await server.wait_until_ready()
        async with AsyncExitStack() as stack:
            connections = [await stack.enter_async_context(each) for each in _clients(server)]
            closes = asyncio.gather(*map(close_of, connections))
            assert await asyncio.to_thread(server.terminate) == server.facts.exit_code
            assert {code for code, _ in await closes} <= server.facts.codes_at_shutdown
        assert SOURCE not in server.printed
        if name != "hypercorn":  # it prints the CancelledError of each of its own tasks
            assert "Traceback" not in server.printed
    finally:
        server.stop()


def _clients(server: Server) -> Iterator[Any]:
    """Yield twenty clients, four of which have not authenticated yet."""
    applications = ["fastapi", "async", "sync", "fastapi-first", "silent"]
    if server.name == "granian":  # it may never exit while a sync consumer's disconnect() runs, with or without wsauth
        applications.remove("sync")
    for application, _ in zip(cycle(applications), range(SOCKETS), strict=False):
        user = fresh("user")
        if application == "silent":
            yield connect(server, f"/fastapi-first/echo/{user}")
        else:
            place = "first" if application.endswith("first") else "query"
            yield _greeted(server, f"/{application}/echo/{user}", presenting(place, token(user)))


@asynccontextmanager
async def _greeted(server: Server, path: str, handshake: Handshake) -> AsyncIterator[ClientConnection]:
    async with connect(server, path, handshake) as connection:
        await connection.recv()
        yield connection
