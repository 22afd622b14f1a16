"""A Redis for all tests of this room, nodes of it, and shorter intervals."""

from __future__ import annotations

import asyncio

import pytest
import redis
from redis_nodes import Node
from redis_server import RedisServer

from wsauth.redis import follower, reader


@pytest.fixture(scope="session")
def shared_server():
    with RedisServer() as server:
        yield server


@pytest.fixture
def server(shared_server):
    """The Redis that all tests share, empty, and without connections that the last test left to the garbage collector.

    It must be left running.
    """
    with redis.Redis(port=shared_server.port) as client:
        client.client_kill_filter(_type="normal", skipme=True)
        client.flushall()
    return shared_server


@pytest.fixture
def own_server():
    """A Redis of this test's own, to be killed, frozen and restarted."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def raw(server):
    """What somebody else does to the shared Redis."""
    with redis.Redis(port=server.port) as client:
        yield client


@pytest.fixture
async def node(server):
    """Make nodes of the shared Redis; their readers end with the test."""
    nodes: list[Node] = []

    def make(*subjects: str, url: str = "", **options) -> Node:
        nodes.append(Node(url or server.url, *subjects, **options))
        return nodes[-1]

    yield make
    for made in nodes:
        for own in made.process.readers.values():
            await ended(own)


async def ended(own: reader.Reader) -> None:
    if own.is_running:
        own._task.cancel()
        await asyncio.gather(own._task, return_exceptions=True)


@pytest.fixture
def quick(monkeypatch):
    """Look at the stream five times a second, not once."""
    monkeypatch.setattr(follower, "BLOCK", 0.2)
    monkeypatch.setattr(follower, "CHECK", 0.2)
