"""A socket ends when its session does, wherever that was said; a session that was extended meanwhile goes on."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

from patience import before, in_time
from servers.client import all_of

from nodes.cluster import Client, Cluster, Place, places
from nodes.people import Sockets, User
from nodes.scenario import check_refused

LIVES = (3.0, 12.0, 48.0)  # seconds, of a session


async def _expires(place: Place, ready: asyncio.Barrier, seconds: float) -> float:
    async with AsyncExitStack() as stack:
        sockets = Sockets(place, stack)
        user = await User.sign_up(place)
        mine, other = await user.log_in("session"), await user.log_in("session")
        elsewhere = await sockets.open(other)
        await ready.wait()
        ends_at = (await user.do("let_session_expire", mine, seconds=str(seconds))).result
        with before(ends_at, time.monotonic):
            socket = await sockets.open(mine)
        code, moment = await socket.closed()
        assert (code, moment > ends_at - 0.05) == (4440, True)
        check_refused(place, await sockets.answer(mine), mine)
        again = await sockets.open(await user.log_in("session"))
        assert (await again.state(), await elsewhere.state()) == ("open", "open")
        return moment - ends_at


async def _is_extended(place: Place, ready: asyncio.Barrier, seconds: float) -> float:
    async with AsyncExitStack() as stack:
        sockets = Sockets(place, stack)
        user = await User.sign_up(place)
        mine = await user.log_in("session")
        await ready.wait()
        first = (await user.do("let_session_expire", mine, seconds=str(seconds))).result
        with before(first, time.monotonic):
            socket = await sockets.open(mine)
            ends_at = (await user.do("let_session_expire", mine, seconds=str(2 * seconds))).result
        with before(ends_at, time.monotonic):
            await asyncio.sleep(first + 1.0 - time.monotonic())
            assert await socket.state() == "open"
        code, moment = await socket.closed()
        assert (code, moment > ends_at - 0.05) == (4440, True)
        return moment - ends_at


async def test_session_that_expires_ends_its_socket(ring: Cluster, client: Client, latencies: Any):
    """At the end of its session a socket closes with 4440 and stays out; one that slid on closes at its later end."""
    at = places(ring, client, "/async/signals", "/sync/signals")

    async def play(seconds: float) -> dict[str, float]:
        ready = asyncio.Barrier(2 * len(at))
        return await all_of(
            **{f"{where} session expired": _expires(place, ready, seconds) for where, place in at.items()},
            **{f"{where} session extended": _is_extended(place, ready, seconds) for where, place in at.items()},
        )

    measured = await in_time(play, *LIVES)
    for name in ("session expired", "session extended"):
        latencies(name, {where: seconds for where, seconds in measured.items() if where.endswith(name)})
