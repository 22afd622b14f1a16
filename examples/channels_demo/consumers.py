"""The sockets. Whoever gets here is somebody: the policy has decided before any of this runs."""

import asyncio
import json
from collections import Counter, defaultdict

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer
from django.utils import timezone

from channels_demo.auth import policy
from channels_demo.models import Message, Room
from shared import figures, frames
from shared.messages import Figures, Here, Notification, Said, Say, Welcome, WelcomeToRoom, action, event


class DemoConsumer(AsyncWebsocketConsumer):
    """Accepts whom `may_enter` lets in, tells the page what the server decided, and keeps the figures."""

    async def connect(self):
        self.user = self.scope["user"]
        self.identity = self.scope["wsauth"].identity
        self.entered = False
        if not await self.may_enter():
            await self.close(4403)  # the page reads this code, though the socket was never accepted
            return
        await self.accept()
        self.entered = True
        figures.opened(self.identity.subject, self.identity.scheme)
        await self.enter()

    async def disconnect(self, code):
        if self.entered:
            figures.closed(self.identity.subject, self.identity.scheme)
            await self.leave()

    async def may_enter(self):
        return True

    async def enter(self):
        await self.welcome()

    async def leave(self):
        pass

    async def welcome(self, **more):
        await self.tell({"frame": frames.welcome(self.identity, name=self.user.username, **more)})

    async def tell(self, event):
        """Send a frame of this consumer's own, or one that came through a group."""
        await self.send(json.dumps(event["frame"]))


async def group_tell(group, frame):
    await get_channel_layer().group_send(group, {"type": "tell", "frame": frame})


_here: defaultdict[str, Counter[str]] = defaultdict(Counter)  # who is in which room, in this process


class ChatConsumer(DemoConsumer):
    """A room, for its members: who is not one is refused with 4403."""

    async def may_enter(self):
        slug = self.scope["url_route"]["kwargs"]["slug"]
        self.room = await Room.objects.filter(slug=slug, members=self.user.pk).afirst()
        return self.room is not None

    @event("welcome", summary="You are in: what the server decided, and what was said before", payload=WelcomeToRoom)
    async def enter(self):
        self.group = f"room.{self.room.slug}"
        await self.channel_layer.group_add(self.group, self.channel_name)
        history = [message.as_frame() async for message in self.last_messages()]
        await self.welcome(about=self.room.about, history=history[::-1])
        await self.count(+1)

    async def leave(self):
        await self.channel_layer.group_discard(self.group, self.channel_name)
        await self.count(-1)

    @event("here", summary="Somebody came or left", payload=Here)
    async def count(self, change):
        names = _here[self.room.slug]
        names[self.user.username] += change
        await group_tell(self.group, {"type": "here", "names": sorted(+names)})

    def last_messages(self):
        return self.room.messages.select_related("author").order_by("-sent_at")[:50]

    @action(
        "say",
        summary="Say something to the room",
        payload=Say,
        examples=[{"payload": {"type": "say", "text": "Hello"}}],
    )
    @event("message", summary="Somebody said something", payload=Said)
    async def receive(self, text_data=None, bytes_data=None):
        text = frames.said(text_data)
        if not text:
            return
        figures.message()
        author = self.user.username
        message = await Message.objects.acreate(
            room=self.room, author_id=self.user.pk, text=text, sent_at=timezone.now()
        )
        said = {"author": author, "text": text, "at": message.sent_at.timestamp()}
        await group_tell(self.group, {"type": "message", **said})
        mentioned = self.room.members.filter(username__in=frames.mentions(text)).exclude(pk=self.user.pk)
        async for person in mentioned:
            await notify(person, kind="mention", sender=author, room=self.room.slug, text=text)


async def notify(person, *, kind, sender, room="", text=""):
    frame = {"type": "notification", "kind": kind, "from": sender, "room": room, "text": text}
    await group_tell(f"person.{person.pk}", frame)


class NotificationsConsumer(DemoConsumer):
    """What concerns one person, in all of their tabs."""

    @event("welcome", summary="You are in", payload=Welcome)
    @event("notification", summary="Somebody mentioned you, or waved", payload=Notification)
    async def enter(self):
        self.group = f"person.{self.user.pk}"
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.welcome()

    async def leave(self):
        await self.channel_layer.group_discard(self.group, self.channel_name)


class DashboardConsumer(DemoConsumer):
    """Live figures, for those who may see them."""

    async def may_enter(self):
        return await self.user.ahas_perm("channels_demo.see_dashboard")

    @event("welcome", summary="You are in", payload=Welcome)
    async def enter(self):
        await self.welcome()
        self.pushing = asyncio.create_task(self.push())

    @event("figures", summary="The state of this process, every second", payload=Figures)
    async def push(self):
        while True:
            await self.tell({"frame": figures.snapshot(len(policy.connections))})
            await asyncio.sleep(1)

    async def leave(self):
        self.pushing.cancel()
