"""`manage.py wsauth_revoke` from a process that serves nobody."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

from nodes.cluster import Client, Cluster, places
from nodes.people import Sockets, User


async def _revoked(cluster: Cluster, client: Client) -> str:
    """Connect a user at two nodes, revoke by command, and return what that said."""
    place = places(cluster, client, "/async/signals")["daphne /async/signals"]
    async with AsyncExitStack() as stack:
        there, here = Sockets(place, stack), Sockets(replace(place, sockets=place.http), stack)
        user, stranger = await User.sign_up(place), await User.sign_up(place)
        mine = await user.log_in("session")
        both = await there.open(mine), await here.open(mine)
        bystander = await there.open(await stranger.log_in("session"))
        arguments = ("wsauth_revoke", "revoke", "--subject", user.pk, "--receipt", "5")
        command = await asyncio.to_thread(cluster.manage, *arguments)
        assert (command.returncode, command.stderr) == (0, "")
        assert [(await socket.closed())[0] for socket in both] == [4410, 4410]
        assert await bystander.state() == "open"
        return command.stdout


async def test_command_over_redis_says_what_was_closed(ring: Cluster, client: Client):
    """A third process closes the sockets of a user at both nodes, and says how many by whose word."""
    said = await _revoked(ring, client)
    assert "Recorded" in said
    assert "Closed 2 so far" in said


async def test_command_over_the_database_closes_at_every_node(pair: Cluster, client: Client):
    """The same by way of the table, which carries no answers."""
    said = await _revoked(pair, client)
    assert "Recorded" in said
    assert "Closed" not in said
