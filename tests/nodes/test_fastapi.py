"""FastAPI without Django: "log out" revokes one token, "log out everywhere" all that a user holds."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

import pytest
from servers.client import Handshake, all_of, fresh

from nodes.cluster import Client, Cluster, Place, places
from nodes.people import Credential, Sockets, with_cookie
from nodes.scenario import SETTLED, check_refused


async def _log_in(place: Place, user: str) -> tuple[Credential, Credential]:
    """Return a JWT and a session's cookie."""
    jti = fresh("jti")
    done = await place.do("fastapi/log_in", user=user, jti=jti)
    return Credential(Handshake(query=f"jwt={done.result}"), jti), with_cookie(done.cookie)


async def log_out(place: Place) -> float:
    async with AsyncExitStack() as stack:
        sockets, user = Sockets(place, stack), fresh("person")
        (mine, cookie), (other, _) = await _log_in(place, user), await _log_in(place, user)
        socket, *others = [await sockets.open(credential) for credential in (mine, cookie, other)]
        done = await place.do("fastapi/log_out", jti=mine.name)
        code, moment = await socket.closed()
        assert code == 4410
        check_refused(place, await sockets.answer(mine), mine, 4410)
        others.append(await sockets.open((await _log_in(place, user))[0]))
        await asyncio.sleep(SETTLED)
        assert [await other.state() for other in others] == ["open"] * 3
        return moment - done.committed


async def log_out_everywhere(place: Place) -> float:
    """A JWT says the second in which it was issued: one of the same second is refused, so who logs in waits for the next."""
    async with AsyncExitStack() as stack:
        sockets, user = Sockets(place, stack), fresh("person")
        credentials = [*await _log_in(place, user), *await _log_in(place, user)]
        mine = [await sockets.open(credential) for credential in credentials]
        bystander = await sockets.open((await _log_in(place, fresh("person")))[0])
        closing = asyncio.gather(*(socket.closed() for socket in mine))
        done = await place.do("fastapi/log_out_everywhere", user=user)
        closed = await closing
        assert ({code for code, _ in closed}, done.result["closed"], done.result["missing"]) == ({4410}, 4, [])
        for credential in credentials:
            check_refused(place, await sockets.answer(credential), credential, 4410)
        await asyncio.sleep(1 - time.time() % 1)
        again = [await sockets.open(credential) for credential in await _log_in(place, user)]
        await asyncio.sleep(SETTLED)
        assert [await socket.state() for socket in (*again, bystander)] == ["open"] * 3
        return max(moment for _, moment in closed) - done.committed


@pytest.mark.parametrize("scenario", [log_out, log_out_everywhere])
async def test_log_out_ends_sockets_at_another_node(ring: Cluster, client: Client, latencies: Any, scenario: Any):
    """The sockets of the token, or of the user, close within a second and stay out; a new log-in gets in and stays."""
    at = places(ring, client, "/fastapi/echo")
    measured = await all_of(**{where: scenario(place) for where, place in at.items()})
    latencies(f"FastAPI {scenario.__name__.replace('_', ' ')}", measured)
