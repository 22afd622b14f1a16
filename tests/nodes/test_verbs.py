"""The verbs, called at one node: what they end at another, who may come back, and what the receipt says."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest
from patience import before, in_time
from servers.client import all_of

from nodes.cluster import Client, Cluster, Place, places
from nodes.people import Sockets, User
from nodes.scenario import SETTLED, check_refused

BLOCKED = (3.0, 12.0, 48.0)  # seconds


async def _block(place: Place, scheme: str) -> float:
    return await in_time(lambda seconds: _block_for(place, scheme, seconds), *BLOCKED)


async def _block_for(place: Place, scheme: str, seconds: float) -> float:
    async with AsyncExitStack() as stack:
        sockets = Sockets(place, stack)
        user, stranger = await User.sign_up(place), await User.sign_up(place)
        mine = await user.log_in(scheme)
        socket, bystander = await sockets.open(mine), await sockets.open(await stranger.log_in(scheme))
        done = await user.do("block", seconds=str(seconds))
        ends_at = done.committed + seconds
        with before(ends_at, time.monotonic):
            code, moment = await socket.closed()
            assert (code, done.result["recorded"]) == (4403, True)
            for credential in (mine, await user.log_in(scheme)):
                check_refused(place, await sockets.answer(credential), credential, 4403)
        await asyncio.sleep(ends_at + SETTLED - time.monotonic())
        assert (await (await sockets.open(mine)).state(), await bystander.state()) == ("open", "open")
        return moment - done.committed


async def _disconnect(place: Place, scheme: str) -> float:
    async with AsyncExitStack() as stack:
        sockets = Sockets(place, stack)
        user, stranger = await User.sign_up(place), await User.sign_up(place)
        mine = await user.log_in(scheme)
        socket, bystander = await sockets.open(mine), await sockets.open(await stranger.log_in(scheme))
        done = await user.do("disconnect")
        code, moment = await socket.closed()
        back = await sockets.open(mine)
        await asyncio.sleep(SETTLED)
        assert (code, await back.state(), await bystander.state()) == (4012, "open", "open")
        return moment - done.committed


async def _revoke(place: Place, scheme: str) -> float:
    """The user is connected at both nodes. Sessions go on in their store, and so let their user in again."""
    async with AsyncExitStack() as stack:
        there, here = Sockets(place, stack), Sockets(replace(place, sockets=place.http), stack)
        user, stranger = await User.sign_up(place), await User.sign_up(place)
        mine = await user.log_in(scheme)
        both = await there.open(mine), await here.open(mine)
        bystander = await there.open(await stranger.log_in(scheme))
        closing = asyncio.gather(*(socket.closed() for socket in both))
        done = await user.do("revoke_user", receipt="5")
        (code, moment), (other_code, _) = await closing
        assert (code, other_code) == (4410, 4410)
        assert (done.result["recorded"], done.result["closed"], done.result["missing"]) == (True, 2, [])
        if scheme == "jwt":
            check_refused(place, await there.answer(mine), mine, 4410)
        else:
            assert await (await there.open(mine)).state() == "open"
        assert await bystander.state() == "open"
        return moment - done.committed


@pytest.mark.parametrize("verb", [_block, _disconnect, _revoke])
async def test_verb_ends_sockets_at_other_nodes(ring: Cluster, client: Client, latencies: Any, verb: Any):
    """Who is blocked stays out until then, who is disconnected may come back, and a receipt counts both nodes."""
    at = places(ring, client, "/async/signals", "/sync/signals")
    measured = await all_of(
        **{f"{where} {scheme}": verb(place, scheme) for where, place in at.items() for scheme in ("session", "jwt")}
    )
    latencies(verb.__name__.lstrip("_"), measured)
