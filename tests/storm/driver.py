"""The storm: sockets that come and go on two nodes, revocations all along, while one thing after the other happens to Redis.

    python -m storm.driver <kind of log> <sockets> full|short

It knows who was revoked, looks at the end at who is still there and who is let in, and prints what it found as JSON.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import websockets
from redis_server import RedisServer
from servers.process import Server
from servers.raw import handshake, request

from storm import faults
from storm.faults import Faults
from storm.node import path_of
from storm.people import Credential, People, Standing
from storm.processes import Configuration, Publisher
from storm.store import Store
from wsauth.revocation.blind import Blind

PATH = path_of(Blind.ASK_THE_STORE)
KEYS = {"redis": "{wsauth:default}:log", "plain": "plain:log"}
COMING = 150  # sockets a second, as long as there are too few
LEAVING = 8  # sockets a second
REVOKING = 30  # revocations a second
RACING = 0.4  # of the revocations: a handshake by the same credential is under way
BETWEEN = 3.0  # seconds between two faults
SETTLE = 10.0  # seconds
AT_ONCE = 24  # attempts to get in, at the end


@dataclass(eq=False)
class Socket:
    credential: Credential
    name: str
    left: bool = False
    wire: websockets.ClientConnection | None = None


class Storm:
    """One run. `count` holds what happened, by name."""

    def __init__(self, log: str, population: int, directory: Path, server: RedisServer) -> None:
        self.log = log
        self.population = population
        self.directory = directory
        self.server = server
        self.people = People(Store(directory / "store.db"))
        self.nodes: list[Server] = []
        self.count: Counter[str] = Counter()
        self.mistakes: Counter[str] = Counter()
        self.waited: list[float] = []
        self.phase = "peace"
        self._seen: list[int] = []  # how many sockets were open, each second
        self.wrong: list[str] = []
        self.lags: defaultdict[str, list[float]] = defaultdict(list)  # from the receipt to the close
        self._sockets: set[Socket] = set()
        self._under_way = 0
        self._numbers = iter(range(10**9))
        self._tasks: set[asyncio.Task[None]] = set()
        self._revoking: set[asyncio.Task[None]] = set()
        self.publisher: Publisher

    async def start_node(self) -> None:
        self.count["nodes"] += 1
        name = f"node-{self.count['nodes']}"
        node = Server(Configuration(name, self.log, self.server.url, self.directory / "store.db"), self.directory)  # type: ignore[arg-type]
        try:
            await node.wait_until_ready()
        except BaseException:
            node.stop()
            raise
        self.nodes.append(node)

    # Sockets

    async def visit(self, credential: Credential) -> None:
        """Connect, and stay until somebody closes."""
        node = random.choice(self.nodes)
        socket = Socket(credential, f"{next(self._numbers)}@{node.name}")
        credential.tell(f"{socket.name} comes")
        stood = credential.standing
        began = time.perf_counter()
        self._under_way += 1
        try:
            socket.wire = await websockets.connect(
                f"ws://{node.host}{PATH}?{socket.name}",
                additional_headers=credential.headers,
                compression=None,
                ping_interval=None,
                proxy=None,
                open_timeout=30.0,
                close_timeout=2.0,
            )
        except websockets.InvalidStatus as refused:
            self._refused(stood, credential, refused.response.status_code)
            return
        except (OSError, EOFError, websockets.WebSocketException) as error:
            self.mistakes[f"failed with {type(error).__name__}"] += 1
            return
        finally:
            self._under_way -= 1
            self.waited.append(time.perf_counter() - began)
        self._sockets.add(socket)
        await socket.wire.wait_closed()
        self._sockets.discard(socket)
        if socket.left:
            self.count["left"] += 1
        elif credential.standing is Standing.GOOD:
            self._mistake(credential, f"closed {socket.wire.close_code}", node.name)
        else:
            self.count[f"closed {socket.wire.close_code}"] += 1
            if credential.standing is Standing.REVOKED:
                self.lags[credential.revoked_in].append(time.monotonic() - credential.revoked_at)

    def _refused(self, stood: Standing, credential: Credential, status: int) -> None:
        if stood is Standing.GOOD and credential.standing is Standing.GOOD:
            if status == 503 and not credential.stateful:
                self.count["asked to come back later"] += 1
            else:
                self._mistake(credential, f"refused {status}", "")
        else:
            self.count[f"refused {status}"] += 1

    def _mistake(self, credential: Credential, what: str, where: str) -> None:
        self.mistakes[f"{what} {_kind(credential)}"] += 1
        self.wrong.append(f"{credential} was {what} {where} at {time.time():.3f} in {self.phase}: {credential.story}")

    async def come(self) -> None:
        """Keep so many sockets open, and no more than so many coming at once."""
        while True:
            if len(self._sockets) + self._under_way < self.population and self._under_way < 200:
                self._start(self.visit(self.people.some()))
            is_filling = self.count["filled"] == 0
            await asyncio.sleep(random.uniform(0, 2) / (COMING * (2 if is_filling else 1)))

    async def leave(self) -> None:
        while True:
            await asyncio.sleep(random.uniform(0, 2) / LEAVING)
            if self._sockets:
                leaving = random.choice(list(self._sockets))
                leaving.left = True
                assert leaving.wire is not None
                self._start(leaving.wire.close())

    def _start(self, what: Any) -> None:
        task = asyncio.ensure_future(what)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Revocations

    async def revoke_on_and_on(self) -> None:
        while True:
            await asyncio.sleep(random.uniform(0, 2) / REVOKING)
            good = [socket.credential for socket in random.sample(list(self._sockets), k=min(8, len(self._sockets)))]
            victim = next((one for one in good if one.standing is Standing.GOOD), None)
            if victim is not None:
                if random.random() < RACING:
                    self._start(self.visit(victim))
                    await asyncio.sleep(random.uniform(0.0, 0.01))
                task = asyncio.create_task(self._revoke(victim))
                self._revoking.add(task)
                task.add_done_callback(self._revoking.discard)

    async def _revoke(self, victim: Credential) -> None:
        """Revoke as a caller does: once more where it could not be recorded."""
        whom, key, hit = self.people.accuse(victim)
        while True:
            name, channel = self._channel()
            for one in hit:
                one.tell(f"is about to be revoked by {key[0]} through {name}, during {self.phase}")
            answer = await channel(whom)
            for one in hit:
                one.tell(f"{answer}, during {self.phase}")
            if "recorded" in answer:
                break
            self.count["raised"] += 1
            await asyncio.sleep(0.5)
        self.count["revokes"] += 1
        self.count[f"by {key[0]}"] += 1
        self.count["in the outbox"] += not answer["recorded"]
        self.people.condemn(key, hit, self.phase)

    def _channel(self) -> tuple[str, Callable[[dict[str, Any]], Awaitable[Any]]]:
        turn = next(self._numbers) % 3
        if turn == 2 and not self.publisher.is_busy:
            self.count["through the third process"] += 1
            return "the third process", self.publisher.revoke
        node = self.nodes[turn % 2]

        async def ask(whom: dict[str, Any]) -> Any:
            return (await request(node.port, "POST", f"/control/revoke?whom={quote(json.dumps(whom))}")).json()

        self.count[f"through {node.name}"] += 1
        return node.name, ask

    # The run

    async def run(self, every: tuple[faults.Fault, ...]) -> dict[str, Any]:
        trouble = Faults(self.server, KEYS[self.log], self.people.innocent)
        await asyncio.gather(self.start_node(), self.start_node())
        self.publisher = await Publisher.start(self.log, self.server.url)
        coming = asyncio.create_task(self.come())
        while len(self._sockets) < self.population * 0.97:
            await asyncio.sleep(0.1)
        self.count["filled"] = 1
        peace = [asyncio.create_task(each) for each in (self.leave(), self.revoke_on_and_on(), self._count_sockets())]
        for fault in every:
            await asyncio.sleep(BETWEEN)
            note(f"{self.log}: {fault.__name__}, {len(self._sockets)} open, {self.count['revokes']} revoked")
            self.phase = fault.__name__
            await fault(trouble)
            self.phase = f"peace after {self.phase}"
        await asyncio.sleep(BETWEEN)
        await self.start_node()
        await asyncio.sleep(2 * BETWEEN)
        for task in (coming, *peace):
            task.cancel()
        await asyncio.gather(coming, *peace, return_exceptions=True)
        return await self._judge()

    async def _judge(self) -> dict[str, Any]:
        note(f"{self.log}: the storm is over, {len(self._revoking)} revocations are under way")
        if self._revoking:
            await asyncio.wait(self._revoking, timeout=3 * SETTLE)
        deadline = time.monotonic() + SETTLE
        while time.monotonic() < deadline and (self._still_open() or self._under_way or self._leaving()):
            await asyncio.sleep(0.1)
        states = [await node.ask("state") for node in self.nodes]
        open_here = {socket.name for socket in self._sockets}
        open_there = {name for state in states for name in state["open"]}
        bad = {socket.name for socket in self._still_open()}
        self.wrong += [f"{one.name} is open: {one.credential} {one.credential.story}" for one in self._still_open()]
        note(f"{self.log}: {len(self.people.revoked())} revoked credentials try to get in")
        return {
            "log": self.log,
            "revokes": self.count["revokes"],
            "revoked credentials": len(self.people.revoked()),
            "not settled": len(self._revoking),
            "still open": len(bad),
            "still open at the nodes": len(bad & open_there),
            "known to one side only": len(open_here ^ open_there),
            "let in": await self._let_in(),
            "mistakes": dict(self.mistakes),
            "open on average": sum(self._seen) // len(self._seen),
            "handshakes": len(self.waited),
            "longest handshake": round(max(self.waited), 3),
            "p99 handshake": round(sorted(self.waited)[len(self.waited) * 99 // 100], 3),
            "stalled": [round(state["stalled"], 3) for state in states],
            "counts": dict(sorted(self.count.items())),
            "slowest close": round(max(max(lags) for phase, lags in self.lags.items() if phase != "frozen"), 2),
            "slowest close by phase": {phase: round(max(lags), 2) for phase, lags in self.lags.items()},
            "wrong": self.wrong[:20],
        }

    async def _count_sockets(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self._seen.append(len(self._sockets))

    def _leaving(self) -> bool:
        return any(socket.left for socket in self._sockets)

    def _still_open(self) -> list[Socket]:
        return [one for one in self._sockets if one.credential.standing is Standing.REVOKED]

    async def _let_in(self) -> dict[str, int]:
        """How many revoked credentials each node admits."""
        turns = asyncio.Semaphore(AT_ONCE)
        admitted = Counter({node.name: 0 for node in self.nodes})
        ended = self.people.revoked()

        async def attempt(node: Server, credential: Credential) -> None:
            async with turns, handshake(node.port, f"{PATH}?attempt", list(credential.headers.items())) as wire:
                if wire.response.status == 101:
                    admitted[node.name] += 1
                    self.wrong.append(f"{credential} was let in at {node.name}: {credential.story}")

        await asyncio.gather(*(attempt(node, credential) for credential in ended for node in self.nodes))
        return dict(admitted)

    async def stop(self) -> None:
        for task in list(self._tasks | self._revoking):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._revoking, return_exceptions=True)
        if hasattr(self, "publisher"):
            await self.publisher.stop()
        for node in self.nodes:
            node.process.terminate()
        for node in self.nodes:
            await asyncio.to_thread(node.stop)


def _kind(credential: Credential) -> str:
    return "session" if credential.stateful else "token"


_BEGAN = time.monotonic()


def note(text: str) -> None:
    print(f"{time.monotonic() - _BEGAN:6.1f} {text}", file=sys.stderr, flush=True)  # noqa: T201 - a program's progress


async def main() -> None:
    log, population, which = sys.argv[1:]
    myself = asyncio.current_task()
    assert myself is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, myself.cancel)  # stop what was started
    every = {"full": faults.EVERY, "short": faults.SHORT}[which]
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wsauth-storm-")))
        server = stack.enter_context(RedisServer())
        storm = Storm(log, int(population), directory, server)
        stack.push_async_callback(storm.stop)
        figures = await storm.run(every)
        for node in storm.nodes:
            with suppress(OSError):
                note(f"{node.name} printed:\n{node.printed[:6000]}")
    print(json.dumps(figures))  # noqa: T201 - a program's result


if __name__ == "__main__":
    asyncio.run(main())
