"""What is said on the sockets, for the documentation at /asyncapi/. Every frame is JSON with its name in `type`."""

from functools import partial
from typing import Annotated

from pydantic import BaseModel, Field

from shared.frames import MAX_TEXT
from wsauth.asyncapi import document_action, document_event

action = partial(document_action, discriminator="type")
event = partial(document_event, discriminator="type")

Time = Annotated[float, Field(description="Seconds since 1970")]
Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]


class Say(BaseModel):
    text: Text


class Said(BaseModel):
    author: str
    text: Text
    at: Time


class Here(BaseModel):
    names: list[str]


class Welcome(BaseModel):
    subject: str
    scheme: Annotated[str, Field(description="The security scheme that let you in")]
    expires_at: Annotated[float | None, Field(description="When the connection ends, in seconds since 1970")]
    now: Time
    name: str


class WelcomeToRoom(Welcome):
    about: str
    history: list[Said]


class Notification(BaseModel):
    kind: str
    sender: Annotated[str, Field(alias="from")]
    room: str
    text: str


class Figures(BaseModel):
    connections: int
    people: int
    messages_per_minute: int
    uptime: Annotated[int, Field(description="Seconds")]
    schemes: Annotated[dict[str, int], Field(description="Open connections by security scheme")]
