"""A FastAPI application: people get a session of SessionMiddleware and a JWT, and log out here or everywhere."""

from __future__ import annotations

import os
import time
from typing import Any

from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
from starlette.middleware.sessions import SessionMiddleware

from nodes.apps import policies
from nodes.apps.settings import SECRET_KEY
from wsauth import WebSocketAuthMiddleware
from wsauth.starlette import CurrentIdentity
from wsauth.testing import TokenFactory

app = FastAPI()
app.add_middleware(SessionMiddleware, secret_key=SECRET_KEY)
app.add_middleware(WebSocketAuthMiddleware, policy=policies.fastapi)
connections = policies.fastapi.connections
token = TokenFactory(SECRET_KEY)


@app.post("/fastapi/log_in")
async def log_in(request: Request, user: str, jti: str) -> str:
    request.session["user_id"] = user
    return token(user, jti=jti)


@app.post("/fastapi/log_out")
async def log_out(jti: str) -> dict[str, Any]:
    committed = time.monotonic()
    await connections.revoke(token_id=jti)
    return {"committed": committed}


@app.post("/fastapi/log_out_everywhere")
async def log_out_everywhere(request: Request, user: str) -> dict[str, Any]:
    request.session.clear()
    committed = time.monotonic()
    receipt = await connections.revoke(subject=user, receipt=3.0)
    return {"committed": committed, "closed": receipt.closed, "missing": sorted(receipt.missing)}


@app.websocket("/fastapi/echo")
async def echo(websocket: WebSocket, me: CurrentIdentity) -> None:
    await websocket.accept()
    await websocket.send_json({"subject": me.subject, "process": os.getpid()})
    try:
        while True:
            await websocket.send_json(await websocket.receive_json())
    except WebSocketDisconnect:
        pass
