"""What a FastAPI application's own main.py holds."""

from fastapi import FastAPI, WebSocket

from wsauth import Identity, Policy, Query, SecurityScheme, WebSocketAuthMiddleware


async def nobody(credentials) -> Identity | None: ...


policy = Policy([SecurityScheme("queryToken", Query("token"), nobody)])
app = FastAPI(title="Rides")
app.add_middleware(WebSocketAuthMiddleware, policy=policy)


@app.websocket("/rides/{city}")
async def rides(websocket: WebSocket, city: str): ...
