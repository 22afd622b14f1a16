"""A FastAPI application whose endpoints wait, work, push, flood and refuse."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, HTTPException, WebSocket, WebSocketDisconnect
from starlette.authentication import requires

from servers.apps.visits import Recorder, visit_of
from wsauth import Policy, WebSocketAuthMiddleware

WORK = 2  # steps of 0.15 seconds: a handler ends well within the second in which a late send is dropped
lifespans: list[str] = []


def hello(scope: Any) -> dict[str, Any]:
    return {"subject": scope["user"].subject, "scheme": scope["user"].scheme, "scope": repr(scope)}


async def echo(websocket: WebSocket) -> None:
    while True:
        await websocket.send_text(await websocket.receive_text())


async def busy(websocket: WebSocket) -> None:
    while True:
        await websocket.receive_text()
        for _ in range(WORK):
            await asyncio.sleep(0.15)
            await websocket.send_text("working")
        visit_of(websocket.scope).handled += 1


async def push(websocket: WebSocket) -> None:
    while True:
        await websocket.send_text("tick")
        await asyncio.sleep(0.05)


async def flood(websocket: WebSocket) -> None:
    while True:
        await websocket.send_bytes(bytes(128 * 1024))
        await asyncio.sleep(0.01)


async def block(websocket: WebSocket) -> None:
    while True:
        time.sleep(float(await websocket.receive_text()))  # as code does that is not as asynchronous as it looks
        await websocket.send_text("worked")


ACTIVITIES: dict[str, Callable[[WebSocket], Any]] = {
    "echo": echo,
    "busy": busy,
    "push": push,
    "flood": flood,
    "block": block,
}


@requires("staff")
async def for_staff(websocket: WebSocket) -> None:
    await websocket.accept()


async def refuse(websocket: WebSocket, activity: str) -> bool:
    """Refuse as applications do, before they accept."""
    if activity == "staff":
        await for_staff(websocket)
    elif activity == "close":
        await websocket.close()
    elif activity.startswith("close-"):
        await websocket.close(int(activity.removeprefix("close-")), "not your room")
    elif activity.startswith("http-"):
        raise HTTPException(int(activity.removeprefix("http-")), "not your room")
    else:
        return False
    return True


async def endpoint(websocket: WebSocket, activity: str, name: str) -> None:
    if await refuse(websocket, activity):
        return
    offered = websocket.scope["subprotocols"]
    await websocket.accept(subprotocol="chat" if "chat" in offered else None)
    await websocket.send_json(hello(websocket.scope))
    try:
        await ACTIVITIES[activity](websocket)
    except WebSocketDisconnect as gone:
        visit_of(websocket.scope).disconnected.append(gone.code)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    lifespans.append("startup")
    yield


def application(policy: Policy) -> FastAPI:
    app = FastAPI(lifespan=lifespan)
    app.add_api_websocket_route("/{policy}/{activity}/{name}", endpoint)
    app.add_middleware(Recorder)
    app.add_middleware(WebSocketAuthMiddleware, policy=policy)
    return app
