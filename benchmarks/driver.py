"""A server without sockets: it makes handshakes with an ASGI application, and costs next to nothing itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from typing import Any

from benchmarks.people import Headers, Presented
from benchmarks.subjects import ASGIApp

PATIENCE = 60.0  # seconds for a wave
DISCONNECT = {"type": "websocket.disconnect", "code": 1000}


class Client:
    """One connection as the server sees it. What the application answered stands in `kinds`, in order.

    The client leaves once it is answered, and has sent `messages` texts; with `stays` it waits to be closed, and notes in
    `closes` when it was.
    """

    __slots__ = ("_connect", "_messages", "closes", "kinds", "released", "scope", "stays")

    def __init__(self, scope: dict[str, Any], closes: list[float], messages: int = 0, *, stays: bool = False) -> None:
        self.scope = scope
        self.closes = closes
        self.kinds: list[str] = []
        self.stays = stays
        self.released: asyncio.Future[None] | None = None
        self._messages = messages
        self._connect = True

    async def receive(self) -> dict[str, Any]:
        if self._connect:
            self._connect = False
            return {"type": "websocket.connect"}
        if self._messages:
            self._messages -= 1
            return {"type": "websocket.receive", "text": "hello"}
        if self.stays:
            self.released = asyncio.get_running_loop().create_future()
            await self.released
        return DISCONNECT

    async def send(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind != "websocket.send":
            self.kinds.append(kind)
            if self.stays and kind == "websocket.close":
                self.closes.append(time.perf_counter())
                self.leave()

    def leave(self) -> None:
        self.stays = False
        if self.released is not None and not self.released.done():
            self.released.set_result(None)

    @property
    def accepted(self) -> bool:
        return self.kinds[:1] == ["websocket.accept"] and len(self.kinds) == 1


class Driver:
    """Makes handshakes; `presented` takes turns. `closes` says when connections that stay were closed."""

    def __init__(self, application: ASGIApp, presented: Iterable[Presented]) -> None:
        self.application = application
        self._scopes = [_prepared(each) for each in presented]
        self._turn = 0
        self.closes: list[float] = []  # time.perf_counter

    def client(self, messages: int = 0, *, stays: bool = False) -> Client:
        self._turn += 1
        query, headers = self._scopes[self._turn % len(self._scopes)]
        return Client(_scope(query, headers, self._turn), self.closes, messages, stays=stays)

    async def run(self, count: int, at_once: int) -> list[Client]:
        """Make so many handshakes, in waves of `at_once`. A server makes a task for each connection; so does this."""
        clients: list[Client] = []
        for size in _waves(count, at_once):
            wave = [self.client() for _ in range(size)]
            await self.finish(wave)
            clients += wave
        return clients

    async def finish(self, clients: list[Client]) -> None:
        tasks = [self.start(client) for client in clients]
        for task in tasks:
            await task

    def start(self, client: Client) -> asyncio.Task[None]:
        return asyncio.create_task(self.application(client.scope, client.receive, client.send))  # type: ignore[arg-type]

    async def hold(self, count: int, at_once: int = 100) -> tuple[list[Client], list[asyncio.Task[None]]]:
        """Open connections that stay. Returns when all are idle."""
        clients: list[Client] = []
        tasks: list[asyncio.Task[None]] = []
        for size in _waves(count, at_once):
            wave = [self.client(stays=True) for _ in range(size)]
            tasks += map(self.start, wave)
            clients += wave
            async with asyncio.timeout(PATIENCE):
                while any(client.released is None for client in wave):
                    await asyncio.sleep(0.001)
                    _raise_of(tasks[-size:])
        return clients, tasks


def _raise_of(tasks: list[asyncio.Task[None]]) -> None:
    """A connection that was to stay and is over has failed, or was refused."""
    for task in tasks:
        if task.done():
            task.result()
            raise RuntimeError("a connection that was to stay open has ended")


def _waves(count: int, at_once: int) -> Iterator[int]:
    for begun in range(0, count, at_once):
        yield min(at_once, count - begun)


def _prepared(presented: Presented) -> tuple[bytes, Headers]:
    return presented.query.encode(), presented.headers()


def _scope(query: bytes, headers: Headers, number: int) -> dict[str, Any]:
    """The scope as uvicorn makes it; nothing in it is shared between connections but the texts."""
    return {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "wss",
        "server": ("127.0.0.1", 8000),
        "client": (f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", 40000),
        "root_path": "",
        "path": "/ws/",
        "raw_path": b"/ws/",
        "query_string": query,
        "headers": list(headers),
        "subprotocols": [],
        "state": {},
        "extensions": {"websocket.http.response": {}},
    }
