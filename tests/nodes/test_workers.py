"""Several workers of one server: a log in memory warns, one in Redis reaches them all."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from redis_server import RedisServer

from nodes.cluster import Client, Cluster, places
from nodes.people import Credential, Socket, Sockets, User

WARNING = "this server has several workers"
NAME = "uvicorn-websockets"


async def test_log_in_memory_warns_of_several_workers(tmp_path: Path, client: Client):
    """The first connection has the log say that revocations will not reach every worker, and what to write instead."""
    server = Cluster([NAME], "memory", tmp_path, "--workers", "2")
    try:
        await server.wait_until_ready()
        (place,) = places(server, client, "/async/signals").values()
        assert WARNING not in place.sockets.printed
        async with AsyncExitStack() as stack:
            user = await User.sign_up(place)
            await Sockets(place, stack).open(await user.log_in("session"))
            assert await place.sockets.says(WARNING)
            assert "--workers 2" in place.sockets.printed
    finally:
        server.stop()


async def _at_two_workers(sockets: Sockets, credential: Credential) -> list[Socket]:
    """Which worker takes a connection is the kernel's choice: connect until both have taken some."""
    opened: list[Socket] = []
    for _ in range(20):
        opened += await asyncio.gather(*(sockets.open(credential) for _ in range(5)))
        if len({socket.process for socket in opened}) == 2:
            break
    return opened


async def test_log_in_redis_reaches_every_worker(tmp_path: Path, client: Client):
    """Whichever worker is told, the sockets at all of them close; nothing is warned of."""
    with RedisServer() as redis:
        server = Cluster([NAME], redis.url, tmp_path, "--workers", "2")
        try:
            await server.wait_until_ready()
            (place,) = places(server, client, "/async/signals").values()
            async with AsyncExitStack() as stack:
                user, sockets = await User.sign_up(place), Sockets(place, stack)
                mine = await user.log_in("jwt")
                opened = await _at_two_workers(sockets, mine)
                done = await user.do("revoke_user", receipt="5")
                assert {(await socket.closed())[0] for socket in opened} == {4410}
                assert (done.result["closed"], done.result["answered"]) == (len(opened), 1)
                assert done.result["missing"] == []
            assert WARNING not in place.sockets.printed
        finally:
            server.stop()
