"""What the applications saw, kept for the tests to ask about afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Visit:
    """One run of an application behind the middleware."""

    subject: str
    scheme: str
    received: list[str] = field(default_factory=list)  # what `receive` gave it
    sent: int = 0  # messages that the server took
    told: list[int] = field(default_factory=list)  # the codes of websocket.disconnect
    disconnected: list[int] = field(default_factory=list)  # the codes that a consumer's disconnect() was called with
    handled: int = 0  # messages that its handler worked through to the end
    error: str = ""
    running: bool = True


visits: dict[str, Visit] = {}
verified: dict[str, int] = {}  # how often the verifier was asked, by subject


def visit_of(scope: Any) -> Visit:
    return visits[name_of(scope)]


def name_of(scope: Any) -> str:
    return scope["path"].rpartition("/")[2]


def activity_of(scope: Any) -> str:
    return scope["path"].split("/")[2]


class Recorder:
    """Stands between the middleware and the application, and changes nothing."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return
        connection = scope["wsauth"]
        visit = visits[name_of(scope)] = Visit(connection.identity.subject, connection.identity.scheme)

        async def record() -> Any:
            message = await receive()
            if message["type"] == "websocket.receive":
                text = message.get("text")
                visit.received.append(text if text is not None else f"{len(message['bytes'])} bytes")
            elif message["type"] == "websocket.disconnect":
                visit.told.append(message["code"])
            return message

        async def count(message: Any) -> None:
            await send(message)
            visit.sent += 1

        try:
            await self.app(scope, record, count)
        except BaseException as error:
            visit.error = type(error).__name__
            raise
        finally:
            visit.running = False
