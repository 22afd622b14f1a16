"""The sockets. Whoever gets here is somebody: the policy has decided before any of this runs."""

import asyncio
import time
from contextlib import suppress

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

from fastapi_demo.auth import policy
from fastapi_demo.rooms import personal, rooms
from shared import figures, frames
from wsauth.starlette import CurrentIdentity

sockets = FastAPI(openapi_url=None)


@sockets.websocket("/chat/{slug}/")
async def chat(websocket: WebSocket, slug: str, me: CurrentIdentity):
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


@sockets.websocket("/notifications/")
async def notifications(websocket: WebSocket, me: CurrentIdentity):
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


@sockets.websocket("/dashboard/")
async def dashboard(websocket: WebSocket, me: CurrentIdentity):
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
