"""A session that goes on under a new key: the old one is no good any more, and its user is still logged in."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest
from servers.client import all_of

from nodes.cluster import Client, Cluster, Place, places
from nodes.people import Sockets, User, with_cookie
from nodes.scenario import check_refused

GOING_AWAY = 4012  # reconnect, with the cookie that the answer has set


async def _play(place: Place, action: str) -> None:
    async with AsyncExitStack() as stack:
        sockets = Sockets(place, stack)
        user = await User.sign_up(place)
        mine, other = await user.log_in("session"), await user.log_in("session")
        socket, elsewhere = await sockets.open(mine), await sockets.open(other)
        done = await user.do(action, mine)
        assert (await socket.closed())[0] == GOING_AWAY
        check_refused(place, await sockets.answer(mine), mine)
        if action == "change_password":
            assert (await elsewhere.closed())[0] == 4410
            check_refused(place, await sockets.answer(other), other)
        else:
            assert await elsewhere.state() == "open"
        assert await (await sockets.open(with_cookie(done.cookie))).state() == "open"


@pytest.mark.parametrize("action", ["cycle_session", "change_password"])
async def test_user_comes_back_with_the_new_key(ring: Cluster, client: Client, action: str):
    """The socket of the old key closes and comes back with the new cookie; a new password ends the other sessions."""
    at = places(ring, client, "/async/signals", "/sync/signals")
    await all_of(**{where: _play(place, action) for where, place in at.items()})
