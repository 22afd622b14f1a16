"""Channels consumers, async and sync, that wait, work, are pushed to, loop, flood and refuse."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="only for tests",
    ALLOWED_HOSTS=["127.0.0.1"],
    INSTALLED_APPS=["channels"],
    CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
)
django.setup()

from asgiref.sync import async_to_sync  # noqa: E402
from channels.exceptions import DenyConnection  # noqa: E402
from channels.generic.websocket import AsyncWebsocketConsumer, WebsocketConsumer  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import path  # noqa: E402

from servers.apps.endpoints import WORK, hello  # noqa: E402
from servers.apps.visits import Recorder, activity_of, name_of, visit_of  # noqa: E402
from wsauth import Policy, WebSocketAuthMiddleware  # noqa: E402


class AsyncConsumer(AsyncWebsocketConsumer):
    async def connect(self) -> None:
        self.activity = activity_of(self.scope)
        if self.activity == "deny":
            raise DenyConnection
        if self.activity.startswith("close"):
            _, _, code = self.activity.partition("-")
            await self.close(int(code) if code else None, "not your room")
            return
        await self.channel_layer.group_add(name_of(self.scope), self.channel_name)
        await self.accept("chat" if "chat" in self.scope["subprotocols"] else None)
        await self.send(json.dumps(hello(self.scope)))

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.activity == "busy":
            for _ in range(WORK):
                await asyncio.sleep(0.15)
                await self.send("working")
            visit_of(self.scope).handled += 1
        elif self.activity == "loop":
            while True:
                await self.send("tick")
                await asyncio.sleep(0.05)
        elif self.activity == "flood":
            while True:
                await self.send(bytes_data=bytes(128 * 1024))
                await asyncio.sleep(0.01)
        elif self.activity == "leave":
            await self.close(int(text_data))
        else:
            await self.send(text_data, bytes_data)

    async def tick(self, event: Any) -> None:
        await self.send("tick")

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(name_of(self.scope), self.channel_name)
        visit_of(self.scope).disconnected.append(code)


class SyncConsumer(WebsocketConsumer):
    def connect(self) -> None:
        self.activity = activity_of(self.scope)
        if self.activity == "deny":
            raise DenyConnection
        if self.activity.startswith("close"):
            _, _, code = self.activity.partition("-")
            self.close(int(code) if code else None, "not your room")
            return
        async_to_sync(self.channel_layer.group_add)(name_of(self.scope), self.channel_name)
        self.accept("chat" if "chat" in self.scope["subprotocols"] else None)
        self.send(json.dumps(hello(self.scope)))

    def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.activity == "busy":
            for _ in range(WORK):
                time.sleep(0.15)
                self.send("working")
            visit_of(self.scope).handled += 1
        elif self.activity == "leave":
            self.close(int(text_data))
        else:
            self.send(text_data, bytes_data)

    def tick(self, event: Any) -> None:
        self.send("tick")

    def disconnect(self, code: int) -> None:
        async_to_sync(self.channel_layer.group_discard)(name_of(self.scope), self.channel_name)
        visit_of(self.scope).disconnected.append(code)


def application(consumer: type[AsyncConsumer | SyncConsumer], policy: Policy) -> ProtocolTypeRouter:
    routes = URLRouter([path("<str:policy>/<str:activity>/<str:name>", consumer.as_asgi())])
    return ProtocolTypeRouter({"websocket": WebSocketAuthMiddleware(Recorder(routes), policy)})
