"""Django sessions prove whom Django itself would take from them, in every engine, and a handshake changes nothing."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import timedelta

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import InterfaceError, OperationalError
from django.test import override_settings
from django.utils import timezone
from patience import HANG
from project.client import refusal, scope_of, socket
from project.consumers import Blocking, Plain, WhoAmI
from project.people import log_in, open_session
from project.policies import session_app as app
from project.policies import verify_session as verify

from wsauth import (
    Anonymous,
    InvalidCredentials,
    VerifierUnavailable,
)
from wsauth.django import SessionKeyInQuery
from wsauth.django.database import digest

ALL_USERS = "django.contrib.auth.backends.AllowAllUsersModelBackend"


@pytest.mark.parametrize("consumer", [WhoAmI, Plain, Blocking])
async def test_session_cookie_gives_its_user_to_every_kind_of_consumer(alice, consumer):
    """The user of the session stands in scope["user"], and the session beside it."""
    key = await log_in(alice, theme="dark")
    told = await scope_of(app(consumer), sessionid=key)
    assert (told["user"], told["authenticated"], told["session"]["theme"]) == ("alice", True, "dark")
    assert told["cookies"] == {"sessionid": key}


async def test_identity_names_session_and_user_and_tells_no_secret(alice):
    """The subject is the primary key as text, the session id a digest of the key."""
    key = await log_in(alice)
    identity = await verify(key)
    assert (identity.subject, identity.session_id, identity.user) == (str(alice.pk), digest(key), alice)
    assert key not in repr(identity)


async def test_connection_ends_with_the_session(alice):
    """At the row's date the socket is closed as expired."""
    key = await log_in(alice)
    await Session.objects.aupdate(expire_date=timezone.now() + timedelta(seconds=60))
    communicator = socket(app(clock=lambda: time.time() + 59.8), sessionid=key)
    await communicator.connect()
    while (message := await communicator.receive_output(timeout=HANG))["type"] != "websocket.close":
        pass
    assert message["code"] == 4440
    await communicator.wait()


async def test_session_without_a_user_is_anonymous_with_its_data(engine):
    """Where a policy admits anonymous clients, they keep their session."""
    told = await scope_of(app(anonymous=Anonymous.IF_MISSING), sessionid=await open_session(basket="three apples"))
    assert (told["user"], told["authenticated"]) == ("AnonymousUser", False)
    assert told["session"]["basket"] == "three apples"


async def test_session_without_a_user_is_refused_where_none_is_admitted():
    """An anonymous session is no credential."""
    assert await refusal(app(), sessionid=await open_session(basket="three apples")) == 4401


async def _change_password(user):
    user.set_password("another")
    await user.asave()


async def _deactivate(user):
    await User.objects.filter(pk=user.pk).aupdate(is_active=False)


async def _delete(user):
    await User.objects.filter(pk=user.pk).adelete()


@pytest.mark.parametrize("change", [_change_password, _deactivate, _delete])
async def test_session_of_a_user_who_changed_is_invalid(alice, change, engine):
    """A changed password, an inactive user and a deleted one refuse, and the session is left as it was."""
    key = await log_in(alice)
    await change(alice)
    with pytest.raises(InvalidCredentials):
        await verify(key)
    assert await refusal(app(), sessionid=key) == 4401
    told = await scope_of(app(anonymous=Anonymous.IF_INVALID), sessionid=key)
    assert (told["user"], told["session"]) == ("AnonymousUser", {})
    if engine.endswith("db"):
        assert await Session.objects.filter(session_key=key).aexists()


@override_settings(AUTHENTICATION_BACKENDS=[ALL_USERS])
async def test_inactive_user_is_invalid_whatever_the_backend_says(alice):
    """A backend that logs in inactive users does not connect them."""
    key = await log_in(alice, **{BACKEND_SESSION_KEY: ALL_USERS})
    assert (await verify(key)).user == alice
    await _deactivate(alice)
    with pytest.raises(InvalidCredentials):
        await verify(key)


@pytest.mark.parametrize(
    "data",
    [{BACKEND_SESSION_KEY: "gone.Backend"}, {"_auth_user_hash": ""}, {"_auth_user_hash": None}, {"_auth_user_id": "x"}],
)
async def test_session_that_names_no_user_rightly_is_invalid(alice, data):
    """A backend that was removed, a missing hash and a key of another user model refuse."""
    key = await log_in(alice, **data)
    with pytest.raises(InvalidCredentials):
        await verify(key)


@override_settings(AUTHENTICATION_BACKENDS=["project.backends.Bare"])
async def test_user_without_a_session_hash_is_taken_from_the_session(alice):
    """A backend may have users of its own kind, as Django allows."""
    key = await log_in(alice, **{BACKEND_SESSION_KEY: "project.backends.Bare"})
    assert (await verify(key)).subject == "bare 1"


async def test_fallback_key_is_accepted_and_the_session_kept(alice):
    """After a change of SECRET_KEY the old one still proves sessions, `channels.auth.get_user` included."""
    key = await log_in(alice)
    before = await Session.objects.aget()
    # The row stays readable only by the fallback key, as after a real change.
    with override_settings(SECRET_KEY="a new secret key of the same good length", SECRET_KEY_FALLBACKS=[_secret()]):
        communicator = socket(app(), sessionid=key)
        await communicator.connect()
        assert (await communicator.receive_json_from())["user"] == "alice"
        await communicator.send_json_to("get_user")
        assert await communicator.receive_json_from() == "alice"
        await communicator.disconnect()
    after = await Session.objects.aget()
    assert (before.session_key, before.session_data, before.expire_date) == (
        after.session_key,
        after.session_data,
        after.expire_date,
    )


def _secret():
    from django.conf import settings

    return settings.SECRET_KEY


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
async def test_database_that_is_away_makes_the_verifier_unavailable(alice, monkeypatch, error):
    """Nobody is refused as invalid because a server is down."""

    def fail(*args):
        raise error("connection to 10.0.0.1 refused")

    monkeypatch.setattr("wsauth.django.engines.load_many", fail)
    with pytest.raises(VerifierUnavailable) as caught:
        await verify("k" * 32)
    assert "10.0.0.1" not in caught.value.detail
    assert await refusal(app(), sessionid="k" * 32) == 4503


async def test_one_hop_into_the_thread(alice, monkeypatch):
    """Session and user come from one visit to the thread that all of Django's queries share."""
    from wsauth.django import database

    hops = []
    hop = database.hop
    monkeypatch.setattr(database, "hop", lambda function, *args: hops.append(function) or hop(function, *args))
    key = await log_in(alice)
    assert await verify(key)
    assert len(hops) == 1


async def test_cookie_name_is_read_when_it_is_used(alice):
    """A policy that was built before the setting was changed follows it."""
    application = app()
    with override_settings(SESSION_COOKIE_NAME="__Host-session"):
        told = await scope_of(application, cookies=f"__Host-session={await log_in(alice)}")
    assert told["user"] == "alice"


@pytest.mark.parametrize(
    "neighbour", ["a[x]=1", '{"json": 1}', "bare", 'open="quote', "name=\xe9", "sessionid2=x", "Sessionid=x"]
)
async def test_cookie_counts_whatever_stands_beside_it(alice, neighbour):
    """Odd cookies of other applications hide nothing, on one Cookie line or several."""
    key = await log_in(alice)
    assert (await scope_of(app(), cookies=f"{neighbour}; sessionid={key}"))["user"] == "alice"
    assert (await scope_of(app(), headers=(("cookie", neighbour), ("cookie", f"sessionid={key}"))))["user"] == "alice"


async def test_two_session_cookies_are_refused(alice, bob):
    """A sibling domain can plant the second one; nobody knows which is the user's."""
    lenient = app(anonymous=Anonymous.IF_INVALID)
    assert await refusal(lenient, cookies=f"sessionid={await log_in(alice)}; sessionid={await log_in(bob)}") == 4401


async def test_slow_database_leaves_the_event_loop_alone(alice, monkeypatch):
    """Live sockets go on while a handshake waits for Django's thread."""
    waiting, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slow(keys, using):
        loop.call_soon_threadsafe(waiting.set)
        assert go_on.wait(timeout=HANG)
        return [None]

    monkeypatch.setattr("wsauth.django.engines.load_many", slow)
    handshake = asyncio.create_task(verify("k" * 32))
    await waiting.wait()
    assert not handshake.done()
    go_on.set()
    assert await handshake is None


@pytest.mark.parametrize("origin", [None, "http://evil.example", "null"])
async def test_cookie_without_an_allowed_origin_is_not_read(alice, origin):
    """Any page can make a browser send the cookie."""
    assert await refusal(app(), sessionid=await log_in(alice), origin=origin) in (4401, 4403)


async def test_session_key_in_the_query_needs_no_cookie_and_is_hidden(alice):
    """The key proves the user from a native client too, and is gone from every scope afterwards."""
    key = await log_in(alice)
    application = app(location=SessionKeyInQuery())
    communicator = socket(application, query=f"sessionid={key}&room=3", origin=None)
    await communicator.connect()
    told = await communicator.receive_json_from()
    assert (told["user"], told["query"]) == ("alice", "room=3")
    assert communicator.scope["query_string"] == b"room=3"
    await communicator.disconnect()


async def test_anonymous_session_in_the_query_admits_nobody():
    """A key that proves nobody is an invalid credential, not an identity."""
    query = f"sessionid={await open_session(basket='three apples')}"
    application = app(location=SessionKeyInQuery())
    assert await refusal(application, query=query) == 4401
    assert await refusal(app(location=SessionKeyInQuery(), anonymous=Anonymous.IF_MISSING), query=query) == 4401
    lenient = app(location=SessionKeyInQuery(), anonymous=Anonymous.IF_INVALID)
    assert (await scope_of(lenient, query=query))["user"] == "AnonymousUser"
