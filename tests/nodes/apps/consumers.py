"""Channels consumers, async and sync, that say who is connected and echo."""

from __future__ import annotations

import os
from typing import Any

from channels.generic.websocket import AsyncJsonWebsocketConsumer, JsonWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import path

from nodes.apps import policies
from wsauth import WebSocketAuthMiddleware


def greeting(scope: Any) -> dict[str, Any]:
    return {"subject": str(scope["user"].pk), "process": os.getpid()}


class AsyncEcho(AsyncJsonWebsocketConsumer):
    async def connect(self) -> None:
        await self.accept()
        await self.send_json(greeting(self.scope))

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        await self.send_json(content)


class SyncEcho(JsonWebsocketConsumer):
    def connect(self) -> None:
        self.accept()
        self.send_json(greeting(self.scope))

    def receive_json(self, content: Any, **kwargs: Any) -> None:
        self.send_json(content)


def _guarded(policy: Any) -> WebSocketAuthMiddleware:
    routes = [path("async/<str:policy>", AsyncEcho.as_asgi()), path("sync/<str:policy>", SyncEcho.as_asgi())]
    return WebSocketAuthMiddleware(URLRouter(routes), policy)


GUARDED = {"signals": _guarded(policies.signals), "rechecks": _guarded(policies.rechecks)}


async def by_policy(scope: Any, receive: Any, send: Any) -> None:
    await GUARDED[scope["path"].rpartition("/")[2]](scope, receive, send)


application = ProtocolTypeRouter({"websocket": by_policy})
