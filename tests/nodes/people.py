"""Users of the nodes, their credentials, and what becomes of their sockets."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass

import websockets
from patience import HANG
from servers.client import Answer, Handshake, answer, close_of, connect, fresh

from nodes.apps.settings import SECRET_KEY
from nodes.cluster import Done, Place
from wsauth.testing import TokenFactory

QUERY = {"drf": "drf", "access": "simplejwt", "sliding": "simplejwt", "jwt": "jwt"}
_mint = TokenFactory(SECRET_KEY)


@dataclass(frozen=True)
class Credential:
    """What one log-in gave: a session's cookie, or a token in the query. `name` is the token, or its jti if we made it."""

    handshake: Handshake
    name: str = ""
    cookie: str = ""


@dataclass
class User:
    """Somebody who has signed up, and logs in as often as they like, always at the node for HTTP."""

    place: Place
    name: str
    pk: str
    password: str = "first"

    @classmethod
    async def sign_up(cls, place: Place) -> User:
        name = fresh("user")
        return cls(place, name, (await place.do("django/sign_up", name=name)).result)

    async def log_in(self, scheme: str) -> Credential:
        if scheme == "jwt":
            jti = fresh("jti")
            return Credential(Handshake(query=f"jwt={_mint(self.pk, jti=jti)}"), jti)
        done = await self.place.do("django/log_in", name=self.name, scheme=scheme, password=self.password)
        if scheme == "session":
            return with_cookie(done.cookie)
        return Credential(Handshake(query=f"{QUERY[scheme]}={done.result}"), done.result)

    async def do(self, action: str, credential: Credential | None = None, **arguments: str) -> Done:
        cookie = credential.cookie if credential else ""
        return await self.place.do(f"django/{action}", cookie=cookie, user=self.pk, **arguments)


def with_cookie(cookie: str) -> Credential:
    return Credential(Handshake(headers=[("Cookie", cookie)], page=True), cookie=cookie)


@dataclass
class Sockets:
    """The sockets that a scenario opens."""

    place: Place
    stack: AsyncExitStack

    async def open(self, credential: Credential) -> Socket:
        """Connect, and be greeted. Fails where that is refused."""
        connection = await self.stack.enter_async_context(
            connect(self.place.sockets, self.place.path, credential.handshake)
        )
        return Socket(connection, **json.loads(await asyncio.wait_for(connection.recv(), HANG)))

    async def answer(self, credential: Credential) -> Answer:
        return await answer(self.place.sockets, self.place.path, credential.handshake)


@dataclass(frozen=True)
class Socket:
    connection: websockets.ClientConnection
    subject: str
    process: int

    async def closed(self, seconds: float = HANG) -> tuple[int | None, float]:
        """Wait for the close; return its code, and the moment as the client sees it."""
        code, _ = await close_of(self.connection, seconds)
        return code, time.monotonic()

    async def state(self) -> str:
        """Return "open", or the code of the close."""
        try:
            await self.connection.send(json.dumps("there?"))
            return "open" if json.loads(await asyncio.wait_for(self.connection.recv(), HANG)) == "there?" else "mute"
        except websockets.ConnectionClosed:
            return str(self.connection.close_code)
