"""The processes of the storm: how a node is started, and the publisher that reads nothing."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from servers.process import TESTS


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
