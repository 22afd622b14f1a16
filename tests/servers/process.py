"""A real server in a process of its own: started once, asked over HTTP, stopped with SIGTERM."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from patience import HANG

from servers.configurations import Configuration
from servers.raw import request

TESTS = Path(__file__).parent.parent
START_TIMEOUT = 120.0


class Server:
    """One running server. Everything that it prints goes into `log`."""

    def __init__(
        self, configuration: Configuration, directory: Path, variables: Mapping[str, str] | None = None
    ) -> None:
        self.facts = configuration
        self.name = configuration.name
        self.port = _free_port()
        self.log = directory / f"{self.name}-{self.port}.log"
        path = os.pathsep.join(filter(None, (str(TESTS), os.environ.get("PYTHONPATH"))))
        environment = os.environ | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"} | dict(variables or {})
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                configuration.arguments(self.port),
                cwd=TESTS,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def origin(self) -> str:
        return f"http://{self.host}"

    @property
    def printed(self) -> str:
        return self.log.read_text("utf-8", "replace")

    async def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            try:
                await self.ask("ready")
            except (OSError, EOFError):
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{self.name} did not start:\n{self.printed}") from None
                await asyncio.sleep(0.05)
            else:
                return

    async def ask(self, question: str) -> Any:
        return (await request(self.port, "GET", f"/control/{question}")).json()

    async def tell(self, order: str) -> Any:
        return (await request(self.port, "POST", f"/control/{order}")).json()

    async def until(self, question: str, satisfied: Any, seconds: float = HANG) -> Any:
        """Ask until the answer satisfies; return it, or the last one when the time is up."""
        deadline = time.monotonic() + seconds
        while True:
            answer = await self.ask(question)
            if satisfied(answer) or time.monotonic() > deadline:
                return answer
            await asyncio.sleep(0.05)

    async def visit(self, name: str, seconds: float = HANG) -> Any:
        """Return what the application saw, once it has returned."""
        return await self.until(f"visit/{name}", lambda visit: visit is not None and not visit["running"], seconds)

    async def left(self, seconds: float = HANG) -> Any:
        """Return what is left of any connection, as soon as that is nothing."""
        return await self.until("left", lambda left: left == NOTHING, seconds)

    async def says(self, word: str, times: int = 1, seconds: float = HANG) -> bool:
        """Whether so many lines of the log hold the word, now or soon."""
        deadline = time.monotonic() + seconds
        while sum(word in line for line in self.printed.splitlines()) < times:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.05)
        return True

    def terminate(self, seconds: float = HANG) -> int:
        """Send SIGTERM and return the exit code; raise where it does not go in time."""
        self.process.terminate()
        return self.process.wait(seconds)

    def stop(self) -> None:
        if self.process.poll() is not None:
            return
        try:
            self.terminate(5.0)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


NOTHING = {"running": [], "registered": {}, "connections": 0, "tasks": []}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
