"""A WebSocket client that presents a credential in any place, and says how the server answered."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import websockets
from patience import HANG

from servers.raw import fresh_peer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from servers.process import Server

PLANTED = "s3cret" + os.urandom(6).hex()  # part of every token; may stand in no log
PLACES = ("query", "bearer", "key", "protocol", "cookie", "first")
_numbers = itertools.count(1)


def fresh(word: str) -> str:
    """Return a name that nothing else in this run has."""
    return f"{word}{next(_numbers)}"


def token(subject: str, verdict: str = "good") -> str:
    return f"{verdict}.{subject}.{PLANTED}"


def token_until(subject: str, seconds: float) -> str:
    """Return a token that is valid for so many seconds from now."""
    return f"until.{subject}.{int((time.time() + seconds) * 1000)}.{PLANTED}"


@dataclass
class Handshake:
    """What a client sends. `page` is whether it is a page of the server's own origin."""

    query: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    subprotocols: list[str] = field(default_factory=list)
    first: str | bytes | None = None
    page: bool = False


def presenting(place: str, secret: str, *, page: bool = False) -> Handshake:
    """Put a credential into one place of the handshake. A cookie only ever comes from a page."""
    match place:
        case "query":
            return Handshake(query=f"token={secret}", page=page)
        case "bearer":
            return Handshake(headers=[("Authorization", f"Bearer {secret}")], page=page)
        case "key":
            return Handshake(headers=[("X-API-Key", secret)], page=page)
        case "protocol":
            return Handshake(subprotocols=["bearer", secret], page=page)
        case "cookie":
            return Handshake(headers=[("Cookie", f"theme=dark; token={secret}")], page=True)
        case _:
            return Handshake(first=json.dumps({"type": "auth", "token": secret}), page=page)


@dataclass
class Answer:
    """How the server answered: with an HTTP status, with a close code after accepting, or with the application."""

    status: int = 101
    code: int | None = None
    reason: str = ""
    hello: Any = None
    subprotocol: str | None = None
    headers: Any = None
    body: str = ""

    @property
    def admitted(self) -> bool:
        return self.hello is not None


@asynccontextmanager
async def connect(
    server: Server, path: str, handshake: Handshake | None = None, *, peer: str | None = None
) -> AsyncIterator[websockets.ClientConnection]:
    """Open a connection and send the first message, if there is one. Raises InvalidStatus where it is refused."""
    handshake = handshake or Handshake()
    query = f"?{handshake.query}" if handshake.query else ""
    connection = await websockets.connect(
        f"ws://{server.host}{path}{query}",
        origin=websockets.Origin(server.origin) if handshake.page else None,
        additional_headers=handshake.headers,
        subprotocols=[websockets.Subprotocol(name) for name in handshake.subprotocols] or None,
        local_addr=(peer or fresh_peer(), 0),
        compression=None,
        ping_interval=None,
        proxy=None,
        close_timeout=2,
        max_size=None,
    )
    try:
        if handshake.first is not None:
            await connection.send(handshake.first)
        yield connection
    finally:
        await connection.close()


async def answer(server: Server, path: str, handshake: Handshake | None = None, *, peer: str | None = None) -> Answer:
    """Connect, and read up to the application's greeting or to the refusal."""
    try:
        async with connect(server, path, handshake, peer=peer) as connection:
            found = Answer(subprotocol=connection.subprotocol, headers=connection.response.headers)
            try:
                found.hello = json.loads(await asyncio.wait_for(connection.recv(), HANG))
            except websockets.ConnectionClosed:
                found.code, found.reason = connection.close_code, connection.close_reason or ""
            return found
    except websockets.InvalidStatus as refused:
        response = refused.response
        return Answer(response.status_code, headers=response.headers, body=(response.body or b"").decode())


async def close_of(connection: websockets.ClientConnection, seconds: float = HANG) -> tuple[int | None, str]:
    """Read until the server closes; return code and reason."""
    async with asyncio.timeout(seconds):
        try:
            while True:
                await connection.recv()
        except websockets.ConnectionClosed:
            return connection.close_code, connection.close_reason or ""


async def all_of(**situations: Any) -> dict[str, Any]:
    """Run situations side by side; a failure says in which it was."""

    async def named(name: str, situation: Any) -> Any:
        try:
            return await situation
        except BaseException as error:
            error.add_note(f"in situation {name!r}")
            raise

    tasks = [asyncio.create_task(named(*each)) for each in situations.items()]
    try:
        return dict(zip(situations, await asyncio.gather(*tasks), strict=True))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
