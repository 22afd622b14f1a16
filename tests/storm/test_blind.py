"""Two nodes whose Redis has gone for good: each named mode does what its name says, within its bound."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import websockets
from redis_server import RedisServer
from servers.process import Server

from storm.node import path_of
from storm.people import Credential, People
from storm.processes import Configuration
from storm.store import Store
from wsauth.revocation.blind import Blind

LIMIT = 10.0  # seconds
JITTER = 10.0  # seconds
EACH = 12  # sockets of a kind, mode and node


@dataclass
class Guest:
    blind: Blind
    node: Server
    credential: Credential
    wire: websockets.ClientConnection

    @property
    def kind(self) -> tuple[Blind, str]:
        return self.blind, _kind(self.credential)


def _kind(credential: Credential) -> str:
    return "session" if credential.stateful else "token"


async def connect(node: Server, blind: Blind, credential: Credential) -> Guest:
    wire = await websockets.connect(
        f"ws://{node.host}{path_of(blind)}?{credential.session}",
        additional_headers=credential.headers,
        compression=None,
        ping_interval=None,
        proxy=None,
    )
    return Guest(blind, node, credential, wire)


async def attempt(node: Server, blind: Blind, credential: Credential) -> tuple[tuple[Blind, str], int, float]:
    """Return whom it was about, the status and the seconds."""
    began = time.monotonic()
    try:
        guest = await connect(node, blind, credential)
    except websockets.InvalidStatus as refused:
        status = refused.response.status_code
    else:
        status = 101
        await guest.wire.close()
    return (blind, _kind(credential)), status, time.monotonic() - began


@asynccontextmanager
async def two_nodes(directory: Path, url: str) -> AsyncIterator[list[Server]]:
    async with AsyncExitStack() as stack:
        nodes = []
        for name in ("one", "two"):
            node = Server(Configuration(name, "redis", url, directory / "store.db", LIMIT), directory)  # type: ignore[arg-type]
            stack.push_async_callback(asyncio.to_thread, node.stop)
            nodes.append(node)
        await asyncio.gather(*(node.wait_until_ready() for node in nodes))
        yield nodes


@pytest.fixture
def server() -> Any:
    with RedisServer() as server:
        yield server


async def test_each_blind_mode_does_what_its_name_says(tmp_path: Path, server: RedisServer):
    """Redis is gone: who is kept, who is closed and who is let in follows from the mode, within the limit and 10 s."""
    people = People(Store(tmp_path / "store.db"))

    def somebody(kind: str) -> Credential:
        return people.new("somebody", stateful=kind == "session")

    everyone = [(blind, kind) for blind in Blind for kind in ("token", "session")]
    async with two_nodes(tmp_path, server.url) as nodes:
        guests = await asyncio.gather(
            *(connect(node, blind, somebody(kind)) for blind, kind in everyone for node in nodes for _ in range(EACH))
        )
        server.kill()
        gone = time.monotonic()
        closed: dict[tuple[Blind, str], list[tuple[float, int]]] = {who: [] for who in everyone}

        async def watch(guest: Guest) -> None:
            await guest.wire.wait_closed()
            assert guest.wire.close_code is not None
            closed[guest.kind].append((time.monotonic() - gone, guest.wire.close_code))

        watching = [asyncio.create_task(watch(guest)) for guest in guests]
        await asyncio.sleep(6.5)  # the log is silent for over 5 s
        assert not any(closed.values()), "nobody closes before the limit"
        answers = await asyncio.gather(
            *(attempt(node, blind, somebody(kind)) for blind, kind in everyone for node in nodes for _ in range(2))
        )
        await asyncio.sleep(gone + LIMIT + JITTER + 2.0 - time.monotonic())
        rechecked = [(await node.ask("state"))["rechecked"] for node in nodes]
        still = Counter(guest.kind for guest in guests if guest.wire.close_code is None)
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, *(guest.wire.close() for guest in guests), return_exceptions=True)

    kept = {who for who in everyone if still[who] == 2 * EACH}
    trusted = {(Blind.TRUST, "token"), (Blind.TRUST, "session"), (Blind.ASK_THE_STORE, "session")}
    assert kept == trusted
    for who in set(everyone) - trusted:
        assert still[who] == 0, who
        assert all(code == 4503 for _, code in closed[who]), who
        assert min(closed[who])[0] >= LIMIT - 1.0, who
        assert max(closed[who])[0] <= LIMIT + JITTER + 2.0, who
    assert min(rechecked) >= EACH, "whom the store vouches for is looked at every 10 seconds"
    for who, status, seconds in answers:
        assert status == (101 if who in trusted else 503), who
        assert seconds < 5.0, who
