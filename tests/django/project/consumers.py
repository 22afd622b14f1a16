"""Consumers as people have them. They know nothing of wsauth."""

from __future__ import annotations

import json
from typing import Any

from asgiref.sync import async_to_sync
from channels import auth
from channels.generic.websocket import AsyncJsonWebsocketConsumer, AsyncWebsocketConsumer, WebsocketConsumer


def seen(scope: dict[str, Any]) -> dict[str, Any]:
    """What an application finds in its scope."""
    return {
        "user": str(scope["user"]),
        "authenticated": scope["user"].is_authenticated,
        "session": dict(scope["session"].items()),
        "cookies": scope["cookies"],
        "query": scope["query_string"].decode(),
    }


class WhoAmI(AsyncJsonWebsocketConsumer):
    """Say what is in the scope, then do what the client asks of `channels.auth`."""

    async def connect(self) -> None:
        await self.accept()
        await self.send_json(seen(self.scope))

    async def receive_json(self, content: str, **kwargs: Any) -> None:
        if content == "get_user":
            user = await auth.get_user(self.scope)
            await self.send_json(str(user))
        elif content == "logout":
            await auth.logout(self.scope)
        elif content == "aflush":
            await self.scope["session"].aflush()
        else:
            from django.contrib.auth import get_user_model

            await auth.login(self.scope, await get_user_model().objects.aget(username=content))
            await self.send_json(seen(self.scope))


class Plain(AsyncWebsocketConsumer):
    async def connect(self) -> None:
        await self.accept()
        await self.send(text_data=json.dumps(seen(self.scope)))


class Blocking(WebsocketConsumer):
    """A consumer in a thread, which may use the ORM."""

    def connect(self) -> None:
        self.accept()
        self.send(text_data=json.dumps({**seen(self.scope), "groups": list(self.scope["user"].groups.all())}))

    def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        async_to_sync(auth.logout)(self.scope)
