"""Those who come to the nodes, talk all the time, and leave or are sent away."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import websockets

from storm.node import path_of
from storm.people import Credential, People, Standing
from storm.processes import Nodes
from storm.tally import Tally, kind_of
from wsauth.revocation.blind import Blind

if TYPE_CHECKING:
    from servers.process import Server

PATH = path_of(Blind.ASK_THE_STORE)
COMING = 150  # sockets a second, as long as there are too few
LEAVING = 8  # sockets a second
TALKING = 0.25  # messages a second of each socket
MOST_COMING = 200  # at once


@dataclass(eq=False)
class Socket:
    credential: Credential
    name: str
    node: Server
    left: bool = False
    wire: websockets.ClientConnection | None = None


class Visitors:
    """`population` sockets, as far as anybody lets them in."""

    def __init__(self, people: People, nodes: Nodes, population: int, tally: Tally) -> None:
        self._people = people
        self._nodes = nodes
        self._population = population
        self._tally = tally
        self._numbers = iter(range(10**9))
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_filling = True
        self.sockets: set[Socket] = set()
        self.under_way = 0

    async def fill(self) -> None:
        """Return when almost all are there."""
        while len(self.sockets) < self._population * 0.97:
            await asyncio.sleep(0.1)
        self._is_filling = False

    async def visit(self, credential: Credential) -> None:
        """Connect, and stay until somebody closes."""
        node = self._nodes.some()
        socket = Socket(credential, f"{next(self._numbers)}@{node.name}", node)
        credential.tell(f"{socket.name} comes")
        stood, phase, began = credential.standing, self._tally.phase, time.perf_counter()
        self.under_way += 1
        try:
            socket.wire = await _connect(node, socket.name, credential)
        except websockets.InvalidStatus as refused:
            self._refused(stood, credential, refused.response.status_code, phase)
            return
        except (OSError, EOFError, websockets.WebSocketException) as error:
            if node not in self._nodes.disturbed:
                self._tally.mistakes[f"failed with {type(error).__name__}"] += 1
            return
        finally:
            self.under_way -= 1
            if node not in self._nodes.disturbed:
                self._tally.waited.append(time.perf_counter() - began)
        self._came(stood, credential, phase)
        self.sockets.add(socket)
        await self._listen(socket)
        self.sockets.discard(socket)
        self._closed(socket)

    async def _listen(self, socket: Socket) -> None:
        """Take each answer, which tells when the application was given the message."""
        assert socket.wire is not None
        try:
            async for answer in socket.wire:
                self._tally.count["messages"] += 1
                self._tally.count[f"messages {self._tally.phase}"] += 1
                if socket.credential.standing is Standing.REVOKED:
                    self._tally.delivered(socket.credential, float(str(answer).split()[-1]))
        except websockets.ConnectionClosed:
            pass

    def _closed(self, socket: Socket) -> None:
        assert socket.wire is not None
        credential, code = socket.credential, socket.wire.close_code
        if socket.left or socket.node not in self._nodes.running:
            self._tally.count["left"] += 1
        elif credential.standing is Standing.GOOD:
            self._tally.mistake(credential, f"closed {code}", socket.node.name)
        else:
            self._tally.count[f"closed {code}"] += 1
            if credential.standing is Standing.REVOKED and credential.recorded:
                self._tally.lags[credential.revoked_in].append(time.monotonic() - credential.revoked_at)

    def _came(self, stood: Standing, credential: Credential, phase: str) -> None:
        if stood is Standing.GOOD and credential.standing is Standing.GOOD:
            self._tally.came[f"{phase}, {kind_of(credential)}"] += 1

    def _refused(self, stood: Standing, credential: Credential, status: int, phase: str) -> None:
        self._came(stood, credential, phase)
        if stood is not Standing.GOOD or credential.standing is not Standing.GOOD:
            self._tally.count[f"refused {status} {kind_of(credential)}"] += 1
        elif status == 503:
            self._tally.put_off[f"{phase}, {kind_of(credential)}"] += 1
        else:
            self._tally.mistake(credential, f"refused {status}", "")

    async def come(self) -> None:
        """Keep so many sockets open, and no more than so many coming at once."""
        while True:
            if len(self.sockets) + self.under_way < self._population and self.under_way < MOST_COMING:
                self.start(self.visit(self._people.some()))
            await asyncio.sleep(random.uniform(0, 2) / (COMING * (2 if self._is_filling else 1)))

    async def leave(self) -> None:
        while True:
            await asyncio.sleep(random.uniform(0, 2) / LEAVING)
            if (leaving := self._somebody()) is not None and leaving.wire is not None:
                leaving.left = True
                self.start(leaving.wire.close())

    async def talk(self) -> None:
        """Let one after the other say something, also to nodes that are asleep."""
        while True:
            await asyncio.sleep(random.uniform(0, 2) / (self._population * TALKING))
            if (talking := self._somebody()) is not None and talking.wire is not None:
                self.start(_say(talking.wire, "hello"))

    def _somebody(self) -> Socket | None:
        return random.choice(list(self.sockets)) if self.sockets else None

    def start(self, what: Any) -> None:
        task = asyncio.ensure_future(what)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def still_open(self) -> list[Socket]:
        """Those who have been revoked and are still there."""
        return [one for one in self.sockets if one.credential.standing is Standing.REVOKED]

    @property
    def leaving(self) -> bool:
        return any(socket.left for socket in self.sockets)

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _connect(node: Server, name: str, credential: Credential) -> websockets.ClientConnection:
    return await websockets.connect(
        f"ws://{node.host}{PATH}?{name}",
        additional_headers=credential.headers,
        compression=None,
        ping_interval=None,
        proxy=None,
        open_timeout=30.0,
        close_timeout=2.0,
    )


async def _say(wire: websockets.ClientConnection, text: str) -> None:
    with contextlib.suppress(websockets.ConnectionClosed):
        await wire.send(text)
