"""Many clients of three tenants at once, in one process: who each is let in as, and who after a re-check."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from tenants.tenant import TENANTS, TenantMiddleware
from wsauth import EventKind, Policy, WebSocketAuthMiddleware

CLIENTS = 200


class Client:
    """One socket. `name` is that of the user of its scope at the moment; `code` why it was refused or closed."""

    def __init__(self, host: str, headers: list[tuple[bytes, bytes]]) -> None:
        self.host = host
        self.scope = {
            "type": "websocket",
            "path": "/",
            "query_string": b"",
            "client": ("127.0.0.1", 1),
            "headers": [(b"host", f"{host}.example.com".encode()), *headers],
        }
        self.code: int | None = None
        self.live: Any = None
        self.accepted = asyncio.Event()
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._inbox.put_nowait({"type": "websocket.connect"})

    def knock(self, app: Any) -> None:
        self.task = asyncio.create_task(app(self.scope | {"client_object": self}, self._inbox.get, self._send))

    def leave(self) -> None:
        self._inbox.put_nowait({"type": "websocket.disconnect", "code": 1001})

    async def is_answered(self) -> None:
        accepted = asyncio.ensure_future(self.accepted.wait())
        await asyncio.wait([self.task, accepted], return_when=asyncio.FIRST_COMPLETED)
        accepted.cancel()

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.accept":
            self.accepted.set()
        elif message["type"] == "websocket.close":
            self.code = message.get("code", 1000)
            self.leave()

    @property
    def subject(self) -> str:
        return str(self.live["user"].pk)

    @property
    def verdict(self) -> str:
        if self.live is None or self.code is not None:
            return f"refused or closed: {self.code}"
        return "right" if self.live["user"].username == f"boss of {self.host}" else "wrong"


async def application(scope: Any, receive: Any, send: Any) -> None:
    scope["client_object"].live = scope
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass


async def visits(policy: Policy, headers: dict[str, list[tuple[bytes, bytes]]], rechecked: list[Any]) -> list[Any]:
    """Return how many were right and how many not, at first and after a re-check of all of them."""
    app = TenantMiddleware(WebSocketAuthMiddleware(application, policy))
    clients = [Client(TENANTS[number % 3], headers[TENANTS[number % 3]]) for number in range(CLIENTS)]
    for client in clients:
        client.knock(app)
    await asyncio.gather(*(client.is_answered() for client in clients))
    first = Counter(client.verdict for client in clients)
    live = len(policy.connections)
    for subject in {client.subject for client in clients if client.live is not None}:
        await policy.connections.recheck(subject=subject)
    while len(rechecked) < live:
        await asyncio.sleep(0.01)
    again = Counter(client.verdict for client in clients)
    for client in clients:
        client.leave()
    await asyncio.gather(*(client.task for client in clients))
    return [dict(first), dict(again)]


def sink(rechecked: list[Any]) -> Any:
    return lambda event: rechecked.append(event) if event.kind is EventKind.RECHECKED else None
