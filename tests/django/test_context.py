"""What stands in a handshake's context costs no look-up its company, unless it can make a difference."""

from __future__ import annotations

import asyncio
from contextvars import Context, ContextVar
from itertools import count

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from opentelemetry import baggage, trace
from opentelemetry import context as opentelemetry
from project.people import jwt, log_in
from project.settings import SECRET_KEY

from wsauth import Credentials, Handshake
from wsauth.core.context import NOTHING, present
from wsauth.django import DRFTokenVerifier, SessionVerifier, UserVerifier, together
from wsauth.verifiers.jwt import JWTVerifier

MANY = 50
tenant: ContextVar[str] = ContextVar("tenant")
serial = count()


def span():
    opentelemetry.attach(trace.set_span_in_context(trace.NonRecordingSpan(trace.INVALID_SPAN_CONTEXT)))


def of_three_tenants():
    tenant.set(("acme", "globex", "initech")[next(serial) % 3])


def of_three_tenants_in_baggage():
    span()
    opentelemetry.attach(baggage.set_baggage("tenant", ("acme", "globex", "initech")[next(serial) % 3]))


async def presented(kind, user):
    """Return a verifier, what proves the user to it, and in how many queries it finds that."""
    if kind == "session":
        return SessionVerifier(), await log_in(user), 2
    if kind == "drf":
        from rest_framework.authtoken.models import Token

        return DRFTokenVerifier(), (await Token.objects.acreate(user=user)).key, 1
    return UserVerifier(JWTVerifier(SECRET_KEY, algorithms=["HS256"])), jwt(sub="1"), 1


async def counted(monkeypatch, verifier, secret, middleware):
    """Return the hops and queries of many handshakes at once, and what stands in their contexts afterwards."""
    hops, queries, left = [], [], []

    async def noted(*arguments):
        hops.append(arguments)
        return await ask(*arguments)

    def note(execute, sql, *arguments):
        queries.append(sql)
        return execute(sql, *arguments)

    async def visit():
        middleware()
        identity = await verifier.verify(Credentials(secret), Handshake("/"))
        left.append(present())
        return identity

    ask = together.ask
    monkeypatch.setattr(together, "ask", noted)
    await sync_to_async(lambda: connection.execute_wrappers.append(note))()
    try:
        tasks = [asyncio.get_running_loop().create_task(visit(), context=Context()) for _ in range(MANY)]
        found = await asyncio.gather(*tasks)
    finally:
        await sync_to_async(lambda: connection.execute_wrappers.remove(note))()
    assert {identity.subject for identity in found} == {"1"}
    return len(hops), len(queries), set(left)


@pytest.mark.parametrize("middleware", [lambda: None, span], ids=["nothing", "a span"])
@pytest.mark.parametrize("kind", ["session", "drf", "jwt"])
async def test_many_are_looked_up_together(kind, middleware, alice, monkeypatch):
    """The first alone and the others with one another, also with a span for each; and nothing is left to be kept."""
    verifier, secret, each = await presented(kind, alice)
    hops, queries, left = await counted(monkeypatch, verifier, secret, middleware)
    assert (hops, queries, left) == (2, 2 * each, {NOTHING})


@pytest.mark.parametrize("middleware", [of_three_tenants, of_three_tenants_in_baggage])
@pytest.mark.parametrize("kind", ["session", "drf", "jwt"])
async def test_those_of_one_tenant_are_looked_up_together(kind, middleware, alice, monkeypatch):
    """As many times as there are tenants."""
    verifier, secret, each = await presented(kind, alice)
    hops, queries, left = await counted(monkeypatch, verifier, secret, middleware)
    assert (hops, queries, len(left)) == (6, 6 * each, 3)
