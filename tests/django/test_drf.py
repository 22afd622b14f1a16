"""Tokens of Django REST framework: exactly one key, of an active user."""

from __future__ import annotations

import pytest
from channels.routing import URLRouter
from django.contrib.auth.models import User
from django.db import OperationalError
from django.urls import path
from project.client import refusal, scope_of
from project.consumers import WhoAmI
from project.people import log_in
from rest_framework.authtoken.models import Token, TokenProxy

from wsauth import (
    Credentials,
    Handshake,
    Header,
    InvalidCredentials,
    Policy,
    SecurityScheme,
    VerifierUnavailable,
    WebSocketAuthMiddleware,
)
from wsauth.django import DRFTokenVerifier
from wsauth.django.database import digest


async def verify(key):
    return await DRFTokenVerifier().verify(Credentials(key), Handshake("/"))


@pytest.fixture
def token(alice):
    return Token.objects.create(user=alice)


async def test_key_gives_its_user(alice, token):
    """The token is named by a digest of its key, the user by the primary key."""
    identity = await verify(token.key)
    assert (identity.user, identity.subject, identity.token_id) == (alice, str(alice.pk), digest(token.key))
    assert identity.issued_at == token.created.timestamp()
    assert token.key not in repr(identity)


async def test_key_in_a_header_opens_a_consumer_without_the_session_beside_it(token, bob):
    """`Authorization: Token …`, as over HTTP; Bob's cookie is not read."""
    scheme = SecurityScheme("token", Header(scheme="Token"), DRFTokenVerifier())
    app = WebSocketAuthMiddleware(URLRouter([path("ws/", WhoAmI.as_asgi())]), Policy([scheme]))
    told = await scope_of(app, headers=(("authorization", f"Token {token.key}"),), sessionid=await log_in(bob))
    assert (told["user"], told["session"]) == ("alice", {})
    assert await refusal(app, headers=(("authorization", "Token nobody"),)) == 4401


@pytest.mark.parametrize("odd", ["", "x" * 40, "é" * 20, "{} ", " {}", "{}\0", "\0", "\ud800", "%", "x" * 100_000])
async def test_key_of_no_token_is_invalid(token, odd):
    """Only the exact key proves anything, and nothing else is an error."""
    with pytest.raises(InvalidCredentials):
        await verify(odd.replace("{}", token.key))


async def test_key_in_another_case_is_invalid(token, monkeypatch):
    """A collation may find the row; the key is compared again."""
    row = await Token.objects.select_related("user").aget()
    monkeypatch.setattr("django.db.models.query.QuerySet.get", lambda *_, **__: row)
    assert (await verify(token.key)).user == row.user
    with pytest.raises(InvalidCredentials):
        await verify(token.key.upper())


async def test_inactive_user_is_invalid_like_an_unknown_key(alice, token):
    """One explanation for both."""
    await User.objects.aupdate(is_active=False)
    details = set()
    for key in (token.key, "x" * 40):
        with pytest.raises(InvalidCredentials) as caught:
            await verify(key)
        details.add(caught.value.detail)
    assert len(details) == 1


async def test_deleted_token_is_invalid(alice, token):
    """Deleted in the admin too, which does so by the proxy whose primary key is the user's."""
    assert (await verify(token.key)).user == alice
    await (await TokenProxy.objects.aget(user=alice)).adelete()
    with pytest.raises(InvalidCredentials):
        await verify(token.key)


async def test_database_that_is_away_makes_the_verifier_unavailable(token, monkeypatch):
    """A token is not invalid because a server is down."""

    def fail(*args, **kwargs):
        raise OperationalError("away")

    monkeypatch.setattr("django.db.models.query.QuerySet.filter", fail)
    with pytest.raises(VerifierUnavailable):
        await verify(token.key)
