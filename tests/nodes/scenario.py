"""What each of the scenarios shows: who must go, who must stay, who may come back."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nodes.cluster import Place
from nodes.people import Credential, Sockets, User

if TYPE_CHECKING:
    from servers.client import Answer

SETTLED = 0.3  # seconds after which nothing more comes of a change


@dataclass(frozen=True)
class Scenario:
    """Something done at one node that ends the connections of a credential at another.

    `scheme` says what the user has, and `action` what is done with it; `argument` is what the action calls the token.
    `ends_all` is whether it ends everything that the user has of that kind. `undo` makes the user welcome again, where
    log-in alone does not; None where there is no user any more. `password` is the one afterwards.
    """

    scheme: str
    action: str
    argument: str = ""
    ends_all: bool = False
    undo: str | None = ""
    password: str = "first"
    code: int = 4410

    async def play(self, place: Place, ready: asyncio.Barrier, settled: float = SETTLED) -> float:
        """Return how long (seconds) after the commit the client's socket was closed."""
        async with AsyncExitStack() as stack:
            sockets = Sockets(place, stack)
            user, stranger = await User.sign_up(place), await User.sign_up(place)
            mine = await user.log_in(self.scheme)
            other = await user.log_in("session" if self.scheme == "drf" else self.scheme)  # which gives one token each
            socket, elsewhere = await sockets.open(mine), await sockets.open(other)
            bystander = await sockets.open(await stranger.log_in(self.scheme))
            assert (socket.subject, elsewhere.subject, bystander.subject) == (user.pk, user.pk, stranger.pk)
            await ready.wait()

            closing = asyncio.create_task(socket.closed())
            done = await user.do(self.action, mine, **({self.argument: mine.name} if self.argument else {}))
            code, moment = await closing
            assert code == self.code
            if self.ends_all:
                assert (await elsewhere.closed())[0] == self.code
            check_refused(place, await sockets.answer(mine), mine)
            if self.undo:
                await user.do(self.undo)
            if self.undo is not None:
                user.password = self.password
                again = await sockets.open(await user.log_in(self.scheme))
                await asyncio.sleep(settled)
                assert await again.state() == "open", "who logged in again was closed"
            if not self.ends_all:
                assert await elsewhere.state() == "open", "another log-in of the user was closed"
            assert await bystander.state() == "open", "another user was closed"
            return moment - done.committed


def check_refused(place: Place, answer: Answer, credential: Credential, code: int = 4401) -> None:
    """A page reads a close code, any other client a status, which daphne makes 403."""
    assert not answer.admitted
    if credential.handshake.page:
        assert (answer.status, answer.code) == (101, code)
    else:
        status = {4401: 401, 4410: 401, 4403: 403}[code]
        assert answer.status == (status if place.sockets.facts.denies_with_status else 403)
