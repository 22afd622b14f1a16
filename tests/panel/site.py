"""A small site with sockets of every kind and the page beside them, in a thread of its own."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import uvicorn

from panel.documents import BARE, DOCUMENT, TICKETS, hostile, moving
from wsauth import (
    Cookie,
    Credentials,
    FirstMessage,
    Header,
    Identity,
    Policy,
    Query,
    Refusals,
    SecurityScheme,
    Subprotocol,
    WebSocketAuthMiddleware,
)
from wsauth.panel import panel
from wsauth.testing import TokenFactory
from wsauth.verifiers.jwt import JWTVerifier

KEY = "a key for tests that is long enough for HS256"
token = TokenFactory(KEY)
jwt = JWTVerifier(KEY, algorithms=["HS256"])
SESSION = "session-of-alice"


async def session(credentials: Credentials) -> Identity | None:
    return Identity("alice") if credentials.secret == SESSION else None


async def nobody(identity: Identity, handshake: Any) -> bool:
    return False


query = SecurityScheme("queryToken", Query("token"), jwt)
chat = Policy(
    schemes=[
        query,
        SecurityScheme("subprotocol", Subprotocol("bearer"), jwt),
        SecurityScheme("header", Header(), jwt),
        SecurityScheme("session", Cookie("sessionid"), session),
        SecurityScheme("cookieJWT", Cookie("access_token"), jwt),
    ]
)


async def rooms(scope: Any, receive: Any, send: Any) -> None:
    """Answer what was said; do what is asked for."""
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})
    who = scope["wsauth"].identity.subject if "wsauth" in scope else "somebody"
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("bytes") is not None:
            await send({"type": "websocket.send", "bytes": message["bytes"]})
            continue
        try:
            asked = json.loads(message["text"])
        except ValueError:
            asked = {"text": message["text"]}
        if asked.get("action") == "close":
            await send({"type": "websocket.close", "code": asked["code"], "reason": asked.get("reason", "")})
            return
        for number in range(asked.get("count", 1)):
            said = {"type": asked.get("type", "said"), "text": f"{asked.get('text', number)}", "by": {"name": who}}
            await send({"type": "websocket.send", "text": json.dumps(said)})


SOCKETS = {
    "/ws/chat/": WebSocketAuthMiddleware(rooms, chat),
    "/ws/first/": WebSocketAuthMiddleware(rooms, Policy(schemes=[SecurityScheme("firstMessage", FirstMessage(), jwt)])),
    "/ws/admin/": WebSocketAuthMiddleware(rooms, Policy(schemes=[query], allow=nobody)),
    "/ws/closed/": WebSocketAuthMiddleware(rooms, Policy(schemes=[query], refusals=Refusals.HTTP)),
    "/ws/open/": rooms,
}


def forbidden(scope: Any) -> bool:
    return False


SECOND = {**DOCUMENT, "info": {"title": "Second", "version": "2"}, "channels": {"open": DOCUMENT["channels"]["open"]}}
PAGES = {
    "/docs": panel(DOCUMENT, try_it_out=True, whoami="/whoami"),
    "/read": panel(lambda scope: DOCUMENT),
    "/expanded": panel(DOCUMENT, try_it_out=True, expanded=True),
    "/hidden": panel(DOCUMENT, try_it_out=True, allowed=forbidden),
    "/hostile": panel(hostile(), try_it_out=True),
    "/moving": panel(moving("//evil.example/ws?x=1#y"), try_it_out=True),
    "/bare": panel(BARE, try_it_out=True),
    "/tickets": panel(TICKETS, try_it_out=True),
    "/several": panel({"Rooms / one": DOCUMENT, "Second": SECOND}, try_it_out=True),
}


async def whoami(scope: Any, send: Any) -> None:
    cookies = dict(scope["headers"]).get(b"cookie", b"").decode()
    status, body = (200, {"username": "alice"}) if f"sessionid={SESSION}" in cookies else (401, {})
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


async def site(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        return
    path = scope["path"]
    if scope["type"] == "websocket":
        await next((app for prefix, app in SOCKETS.items() if path.startswith(prefix)), _absent)(scope, receive, send)
    elif path == "/whoami":
        await whoami(scope, send)
    else:
        for prefix, app in PAGES.items():
            if path == prefix or path.startswith(f"{prefix}/"):
                await app({**scope, "root_path": prefix}, receive, send)
                return
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def _absent(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "websocket.close"})


class Site:
    """Runs until the block ends; `address` is where."""

    def __enter__(self) -> Site:
        settings = uvicorn.Config(site, port=0, ws="websockets-sansio", log_level="critical", lifespan="off")
        self._server = uvicorn.Server(settings)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)


if __name__ == "__main__":
    with Site() as running:
        print(running.address, token("alice", expires_in=3600))  # noqa: T201
        while True:
            time.sleep(1)
