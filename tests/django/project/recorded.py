"""A policy whose revocations are in the database, and an application behind it."""

from __future__ import annotations

from channels.routing import ProtocolTypeRouter

from project.consumers import WhoAmI
from wsauth import Connections, Policy, SecurityScheme, WebSocketAuthMiddleware
from wsauth.django import DatabaseLog, SessionCookie, SessionVerifier

policy = Policy(
    [SecurityScheme("session", SessionCookie(), SessionVerifier())], connections=Connections(log=DatabaseLog())
)
application = ProtocolTypeRouter({"websocket": WebSocketAuthMiddleware(WhoAmI.as_asgi(), policy)})
