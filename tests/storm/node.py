"""A node of the storm: one application behind the middleware, under a path for each blind mode, and one log for all of them.

    python -m storm.node <port> <kind of log> <url of Redis> <file of the store> <blind limit>

It is asked and told over HTTP, under /control/.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import uvicorn

from storm.plain_reader import PlainReader
from storm.store import SECRET, Sessions, Store, Tokens
from wsauth import Connections, Header, Policy, SecurityScheme, WebSocketAuthMiddleware
from wsauth.redis import RedisLog
from wsauth.revocation.blind import Blind
from wsauth.revocation.log import RevocationLog, RevocationNotRecorded

LOGS: dict[str, Any] = {"redis": RedisLog, "plain": PlainReader}


def log_of(kind: str, url: str) -> RevocationLog:
    log: RevocationLog = LOGS[kind](url, secrets=[SECRET])
    return log


def path_of(blind: Blind) -> str:
    return f"/{blind.name.lower()}"


class Stalls:
    """How long the event loop did not turn, at worst."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(0.02)
            self.longest = max(self.longest, loop.time() - before - 0.02)


class Node:
    """An ASGI application. `open` names the connections that the application holds."""

    def __init__(self, log: RevocationLog, store: Store, blind_limit: float) -> None:
        self.log = log
        self.sessions = Sessions(store)
        self.open: Counter[str] = Counter()
        self.stalls = Stalls()
        self._watch: asyncio.Task[None] | None = None
        schemes = [
            SecurityScheme("token", Header(), Tokens()),
            SecurityScheme("session", Header("X-Session"), self.sessions),
        ]
        self.policies = {
            path_of(blind): Policy(schemes, connections=Connections(log=log, blind=blind, blind_limit=blind_limit))
            for blind in Blind
        }
        self._guarded = {path: WebSocketAuthMiddleware(self._serve, policy) for path, policy in self.policies.items()}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await self._guarded[scope["path"]](scope, receive, send)
        elif scope["type"] == "http":
            question = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
            body = json.dumps(await self._answer(scope["path"].removeprefix("/control/"), question)).encode()
            headers = [(b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        name = scope["query_string"].decode()
        await receive()
        await send({"type": "websocket.accept"})
        self.open[name] += 1
        try:
            while (message := await receive())["type"] != "websocket.disconnect":
                # The monotonic clock is that of the machine: the client compares.
                await send({"type": "websocket.send", "text": f"{message['text']} {time.monotonic()}"})
        finally:
            del self.open[name]

    async def _answer(self, path: str, question: dict[str, str]) -> Any:
        match path:
            case "revoke":
                return await self._revoke(json.loads(question["whom"]))
            case "state":
                return {
                    "open": list(self.open),
                    "registered": sum(len(policy.connections) for policy in self.policies.values()),
                    "records": len(self.log.records),
                    "silence": min(self.log.silence, 1e9),
                    "rechecked": self.sessions.rechecked,
                    "stalled": self.stalls.longest,
                }
            case _:
                if self._watch is None:
                    self._watch = asyncio.create_task(self.stalls.watch())
                return "ready"

    async def _revoke(self, whom: dict[str, Any]) -> dict[str, Any]:
        connections = next(iter(self.policies.values())).connections
        try:
            receipt = await connections.revoke(**whom)
        except RevocationNotRecorded as error:
            return {"raised": str(error)}
        return {"recorded": receipt.recorded}


def main() -> None:
    port, kind, url, path, blind_limit = sys.argv[1:]
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("wsauth").setLevel(logging.WARNING)
    node = Node(log_of(kind, url), Store(Path(path)), float(blind_limit))
    uvicorn.run(
        node, host="127.0.0.1", port=int(port), log_level="warning", lifespan="off", ws_ping_interval=None, backlog=4096
    )


if __name__ == "__main__":
    main()
