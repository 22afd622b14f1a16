"""The processes of the storm: the nodes, what happens to them, and the publisher that reads nothing."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from servers.process import TESTS, Server


@dataclass(frozen=True)
class Configuration:
    """How a node is started."""

    name: str
    log: str
    url: str
    store: Path
    blind_limit: float = 60.0

    def arguments(self, port: int) -> list[str]:
        given = map(str, (port, self.log, self.url, self.store, self.blind_limit))
        return [sys.executable, "-m", "storm.node", *given]


class Nodes:
    """The nodes that are there. Each is at a distance from Redis of its own: `urls` are taken in turn."""

    def __init__(self, log: str, directory: Path, urls: list[str], blind_limit: float) -> None:
        self._log = log
        self._directory = directory
        self._urls = urls
        self._blind_limit = blind_limit
        self._started = 0
        self._asleep: set[Server] = set()
        self.disturbed: set[Server] = set()  # were suspended or killed at some time
        self.running: list[Server] = []

    async def start(self) -> Server:
        url = self._urls[self._started % len(self._urls)]
        self._started += 1
        store = self._directory / "store.db"
        configuration = Configuration(f"node-{self._started}", self._log, url, store, self._blind_limit)
        node = Server(configuration, self._directory)  # type: ignore[arg-type]
        try:
            await node.wait_until_ready()
        except BaseException:
            node.stop()
            raise
        self.running.append(node)
        return node

    @property
    def awake(self) -> list[Server]:
        return [node for node in self.running if node not in self._asleep]

    def some(self) -> Server:
        return random.choice(self.awake)

    def suspend(self, node: Server) -> None:
        """As a container that is paused, or the lid of a laptop."""
        self.disturbed.add(node)
        self._asleep.add(node)
        node.process.send_signal(signal.SIGSTOP)

    def resume(self, node: Server) -> None:
        node.process.send_signal(signal.SIGCONT)
        self._asleep.discard(node)

    def kill(self, node: Server) -> None:
        """As a machine that is lost, with all that it has not told anybody."""
        self.disturbed.add(node)
        self.running.remove(node)
        node.process.kill()
        node.process.wait()

    async def stop(self) -> None:
        for node in self.running:
            self.resume(node)
            node.process.terminate()
        for node in self.running:
            await asyncio.to_thread(node.stop)


class Publisher:
    """The process without a reader. One question at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._turn = asyncio.Lock()

    @classmethod
    async def start(cls, log: str, url: str) -> Publisher:
        arguments = ("-m", "storm.publisher", log, url)
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, stdin=pipe, stdout=pipe, cwd=TESTS, env=os.environ | {"PYTHONPATH": str(TESTS)}
        )
        return cls(process)

    @property
    def is_busy(self) -> bool:
        return self._turn.locked()

    async def revoke(self, whom: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._turn:
            self._process.stdin.write(json.dumps(whom).encode() + b"\n")
            return json.loads(await self._process.stdout.readline())

    async def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 5.0)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
