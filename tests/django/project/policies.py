"""Policies of the project: what a setting WSAUTH_POLICY may point at, and one for sessions."""

from __future__ import annotations

from typing import Any

from project.consumers import WhoAmI
from wsauth import (
    Anonymous,
    Cookie,
    Credentials,
    Handshake,
    Identity,
    Origins,
    Policy,
    Query,
    ReportOnly,
    SameHostOrAbsent,
    SecurityScheme,
    WebSocketAuthMiddleware,
)
from wsauth.django import DRFTokenVerifier, SessionCookie, SessionKeyInQuery, SessionVerifier, UserVerifier


async def prove(credentials: Credentials) -> Identity | None:
    """Know nobody."""


def by_field(name: str) -> Policy:
    """A policy that looks for users by a field."""
    return Policy([SecurityScheme("token", Query("token"), UserVerifier(prove, field=name))])


good = Policy([SecurityScheme("session", SessionCookie(), SessionVerifier())])
by_key, by_name, by_nickname = by_field("pk"), by_field("username"), by_field("nickname")
reported = ReportOnly(good)
any_host = Policy([SecurityScheme("cookie", Cookie("jwt"), prove)])
no_policy = "a text"
key_in_query = Policy([SecurityScheme("session", SessionKeyInQuery(), SessionVerifier())])
rest_token = Policy([SecurityScheme("token", Query("token"), DRFTokenVerifier())])
lenient = Policy([SecurityScheme("session", SessionCookie(), SessionVerifier())], origins=SameHostOrAbsent())


def session_app(
    consumer: Any = WhoAmI, anonymous: Anonymous = Anonymous.NEVER, location: Any = None, **options: Any
) -> WebSocketAuthMiddleware:
    """A consumer behind a policy that takes sessions."""
    scheme = SecurityScheme("session", location or SessionCookie(), SessionVerifier())
    return WebSocketAuthMiddleware(consumer.as_asgi(), Policy([scheme], anonymous=anonymous), **options)


async def verify_session(key: str) -> Identity | None:
    return await SessionVerifier().verify(Credentials(key), Handshake("/"))


key_in_plain_query = Policy([SecurityScheme("sessionKey", Query("key"), SessionVerifier())])
named_origins = Policy(
    [SecurityScheme("session", SessionCookie(), SessionVerifier())], origins=Origins("https://a.example")
)
