"""The sockets. Whoever gets here is somebody: the policy has decided before any of this runs."""

import asyncio
import time
from contextlib import suppress
from typing import Annotated

from fastapi import FastAPI, Path, WebSocket, WebSocketDisconnect

from fastapi_demo.auth import policy
from fastapi_demo.rooms import personal, rooms
from shared import figures, frames
from shared.messages import Figures, Here, Notification, Said, Say, Welcome, WelcomeToRoom, action, event
from wsauth.starlette import CurrentIdentity

chats, personals, dashboards = (FastAPI(openapi_url=None) for _ in range(3))
sockets = {"/chat": chats, "/notifications": personals, "/dashboard": dashboards}  # main.py says where, and behind what


@chats.websocket("/{slug}/")
@action(
    "say", summary="Say something to the room", payload=Say, examples=[{"payload": {"type": "say", "text": "Hello"}}]
)
@event("welcome", summary="You are in: what the server decided, and what was said before", payload=WelcomeToRoom)
@event("message", summary="Somebody said something", payload=Said)
@event("here", summary="Somebody came or left", payload=Here)
async def chat(websocket: WebSocket, slug: Annotated[str, Path(examples=["general"])], me: CurrentIdentity):
    """A room, for its members: who is not one is refused with 4403."""
    room = rooms.get(slug)
    if room is None or me.user.name not in room.members:
        await websocket.close(4403)  # the page reads this code, though the socket was never accepted
        return
    await websocket.accept()
    room.audience.join(websocket, me.user.name)
    figures.opened(me.subject, me.scheme)
    try:
        await websocket.send_json(frames.welcome(me, name=me.user.name, about=room.about, history=list(room.history)))
        await room.audience.tell({"type": "here", "names": room.audience.names})
        async for frame in websocket.iter_text():
            if text := frames.said(frame):
                await say(room, me.user.name, text)
    finally:
        figures.closed(me.subject, me.scheme)
        room.audience.leave(websocket)
        await room.audience.tell({"type": "here", "names": room.audience.names})


async def say(room, author, text):
    figures.message()
    message = {"author": author, "text": text, "at": time.time()}
    room.history.append(message)
    await room.audience.tell({"type": "message", **message})
    for name in frames.mentions(text) & room.members - {author}:
        await notify(name, kind="mention", sender=author, room=room.slug, text=text)


async def notify(name, *, kind, sender, room="", text=""):
    frame = {"type": "notification", "kind": kind, "from": sender, "room": room, "text": text}
    await personal[name].tell(frame)


@personals.websocket("/")
@event("welcome", summary="You are in", payload=Welcome)
@event("notification", summary="Somebody mentioned you, or waved", payload=Notification)
async def notifications(websocket: WebSocket, me: CurrentIdentity):
    """What concerns one person, in all of their tabs."""
    await websocket.accept()
    personal[me.user.name].join(websocket, me.user.name)
    figures.opened(me.subject, me.scheme)
    try:
        await websocket.send_json(frames.welcome(me, name=me.user.name))
        async for _ in websocket.iter_text():
            pass  # nothing is expected; reading notices when the page leaves
    finally:
        figures.closed(me.subject, me.scheme)
        personal[me.user.name].leave(websocket)


@dashboards.websocket("/")
@event("welcome", summary="You are in", payload=Welcome)
@event("figures", summary="The state of this process, every second", payload=Figures)
async def dashboard(websocket: WebSocket, me: CurrentIdentity):
    """Live figures, for those who may see them."""
    if "dashboard" not in me.user.permissions:
        await websocket.close(4403)
        return
    await websocket.accept()
    figures.opened(me.subject, me.scheme)
    try:
        await websocket.send_json(frames.welcome(me, name=me.user.name))
        with suppress(WebSocketDisconnect):
            while True:
                await websocket.send_json(figures.snapshot(len(policy.connections)))
                await asyncio.sleep(1)
    finally:
        figures.closed(me.subject, me.scheme)
