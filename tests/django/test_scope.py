"""What consumers find in their scope belongs to the identity that decided, and behaves as it does in Channels."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
from asgiref.sync import sync_to_async
from channels.auth import AuthMiddlewareStack as ChannelsStack
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import URLRouter
from django.contrib.auth import get_user
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.models import Session
from django.test import override_settings
from django.urls import path
from project.client import closed, refusal, scope_of, socket
from project.consumers import Blocking, WhoAmI
from project.people import jwt, log_in, open_session
from project.settings import SECRET_KEY

from wsauth import Anonymous, Identity, Policy, Query, SecurityScheme, WebSocketAuthMiddleware
from wsauth.django import DjangoScope, SessionCookie, SessionVerifier, UserVerifier
from wsauth.django.scope import ScopeUser, cookies
from wsauth.verifiers.jwt import JWTVerifier

SESSION = SecurityScheme("session", SessionCookie(), SessionVerifier())
TOKEN = SecurityScheme("token", Query("token"), UserVerifier(JWTVerifier(SECRET_KEY, algorithms=["HS256"])))


def app(inner=None, anonymous=Anonymous.IF_MISSING):
    return WebSocketAuthMiddleware(inner or WhoAmI.as_asgi(), Policy([TOKEN, SESSION], anonymous=anonymous))


async def opened(application, **handshake):
    communicator = socket(application, **handshake)
    connected, _ = await communicator.connect()
    assert connected
    await communicator.receive_json_from()
    return communicator


class Holder:
    """A connection, as far as the scope's user can tell."""

    def __init__(self, user):
        self.identity = Identity("1", user=user)


def test_scope_user_is_the_user_to_whoever_asks(alice, bob):
    """Comparisons, type checks, hashes, copies, queries and text are those of the user itself."""
    user = ScopeUser(Holder(alice))
    assert user == alice
    assert alice == user
    assert user != bob
    assert isinstance(user, User)
    assert (hash(user), repr(user), str(user), bool(user)) == (hash(alice), repr(alice), "alice", True)
    assert (user.pk, user.is_authenticated, user.check_password("of alice")) == (alice.pk, True, True)
    assert User.objects.get(pk=user.pk) == user
    assert copy.copy(user) == pickle.loads(pickle.dumps(user)) == alice  # noqa: S301


def test_scope_user_follows_the_connection_and_cannot_be_replaced(alice, bob):
    """A router's copy of the scope sees the user that the connection has now."""
    connection = Holder(alice)
    user = ScopeUser(connection)
    user._wrapped = bob
    assert user == alice
    connection.identity = Identity("2", user=bob)
    assert user == bob
    user.nickname = "bobby"
    assert bob.nickname == "bobby"


def test_scope_user_is_the_identity_where_there_is_no_django_user():
    """A verifier that knows no Django users shares a policy with one that does."""
    user = ScopeUser(Holder(None))
    assert (user.is_authenticated, user.subject) == (True, "1")


def test_cookies_are_those_of_django_over_http():
    """Several lines are one; odd neighbours do not hide the others."""
    lines = [
        (b"cookie", b'a[x]=1; theme="dark"; bare'),
        (b"host", b"testserver"),
        (b"Cookie", b"sessionid=k; name=\xe9"),
    ]
    assert cookies({"headers": lines}) == {"a[x]": "1", "theme": "dark", "": "bare", "sessionid": "k", "name": "é"}
    assert cookies({}) == {}


async def test_token_user_gets_an_empty_session_whatever_the_cookies_say(alice, bob):
    """Alice's token beside Bob's cookie is Alice, with no trace of Bob's session or of its key."""
    key = await log_in(bob, basket="of bob")
    told = await scope_of(app(), query=f"token={jwt(sub=str(alice.pk))}", sessionid=key)
    assert (told["user"], told["session"], told["cookies"]) == ("alice", {}, {})


async def test_anonymous_client_gets_an_anonymous_user_and_an_empty_session():
    """Code that reads the scope needs no special case."""
    told = await scope_of(app())
    assert told == {"user": "AnonymousUser", "authenticated": False, "session": {}, "cookies": {}, "query": ""}


async def test_channels_get_user_finds_the_user_of_the_session(alice):
    """`channels.auth.get_user(scope)` answers as before and leaves the session alone."""
    communicator = await opened(app(), sessionid=await log_in(alice))
    await communicator.send_json_to("get_user")
    assert await communicator.receive_json_from() == "alice"
    await communicator.disconnect()
    assert await Session.objects.acount() == 1


async def test_channels_get_user_finds_nobody_in_the_session_of_a_token(alice):
    """It looks into the session, which a token's connection has none of; scope["user"] is the user."""
    communicator = await opened(app(), query=f"token={jwt(sub=str(alice.pk))}")
    await communicator.send_json_to("get_user")
    assert await communicator.receive_json_from() == "AnonymousUser"
    await communicator.disconnect()
    assert await Session.objects.acount() == 0


async def test_channels_get_user_after_a_password_change_ends_the_connection(alice):
    """It flushes a session that does not match any more, which is a log-out."""
    communicator = await opened(app(), sessionid=await log_in(alice))
    await User.objects.aupdate(password="!")
    await communicator.send_json_to("get_user")
    assert await closed(communicator) == 4410
    await communicator.wait()


@pytest.mark.parametrize("ask", ["logout", "aflush"])
async def test_logout_ends_the_sockets_of_the_session_and_no_other(alice, ask):
    """Logging out on one socket closes the tabs of that session; the user's other browser stays."""
    application = app()
    key, other = await log_in(alice), await log_in(alice)
    here, tab, browser = [await opened(application, sessionid=session) for session in (key, key, other)]
    await here.send_json_to(ask)
    assert [await closed(here), await closed(tab)] == [4410, 4410]
    assert await browser.receive_nothing()
    assert [session.session_key async for session in Session.objects.all()] == [other]
    assert await refusal(app(anonymous=Anonymous.NEVER), sessionid=key) == 4401
    await browser.disconnect()
    await here.wait()
    await tab.wait()


async def test_logout_from_a_thread_ends_the_connection(alice):
    """A sync consumer calls it from another thread."""
    communicator = await opened(app(Blocking.as_asgi()), sessionid=await log_in(alice))
    await communicator.send_to(text_data="log me out")
    assert await closed(communicator) == 4410
    await communicator.wait()


async def test_logout_ends_the_connection_of_a_token(alice):
    """There is no session to delete, and the user still means it."""
    communicator = await opened(app(), query=f"token={jwt(sub=str(alice.pk))}")
    await communicator.send_json_to("logout")
    assert await closed(communicator) == 4410
    await communicator.wait()


async def test_logout_that_fails_ends_the_connection_all_the_same(alice, monkeypatch):
    """The table being locked is no reason to stay connected."""
    communicator = await opened(app(), sessionid=await log_in(alice))

    def fail(self, *args):
        raise RuntimeError("the table is locked")

    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.delete", fail)
    await communicator.send_json_to("logout")
    assert await closed(communicator) == 4410
    with pytest.raises(RuntimeError, match="locked"):
        await communicator.wait()


async def test_logout_of_an_anonymous_socket_keeps_it(alice):
    """Nobody was connected, so nobody is disconnected."""
    communicator = await opened(app(), sessionid=await open_session(basket="three apples"))
    await communicator.send_json_to("logout")
    assert await communicator.receive_nothing()
    await communicator.disconnect()
    assert await Session.objects.acount() == 0


async def test_login_does_not_upgrade_the_connection(alice, bob):
    """`channels.auth.login` works on scope and session as ever; the connection belongs to whom it was opened by."""
    identities = []

    class Peek(WhoAmI):
        async def receive_json(self, content, **kwargs):
            await super().receive_json(content)
            identities.append(self.scope["wsauth"].identity)

    for handshake in ({}, {"query": f"token={jwt(sub=str(alice.pk))}"}, {"sessionid": await log_in(alice)}):
        communicator = await opened(app(Peek.as_asgi()), **handshake)
        await communicator.send_json_to("alice")
        assert (await communicator.receive_json_from())["user"] == "alice"
        await communicator.disconnect()
    assert [identity.subject for identity in identities] == ["", str(alice.pk), str(alice.pk)]


async def test_login_as_another_user_ends_the_session_of_the_first(alice, bob):
    """It flushes the first user's session, and with it go that session's sockets."""
    communicator = await opened(app(), sessionid=await log_in(alice))
    await communicator.send_json_to("bob")
    assert await closed(communicator) == 4410
    await communicator.wait()


async def test_channels_own_stack_inside_does_not_replace_the_user(alice, bob):
    """An AuthMiddlewareStack that was left in place finds user and session there, and cannot change them."""
    inner = ChannelsStack(URLRouter([path("ws/", WhoAmI.as_asgi())]))
    told = await scope_of(app(inner), query=f"token={jwt(sub=str(alice.pk))}", sessionid=await log_in(bob))
    assert (told["user"], told["session"]) == ("alice", {})
    told = await scope_of(app(inner), sessionid=await log_in(bob))
    assert told["user"] == "bob"


async def test_nested_policy_keeps_user_and_session(alice):
    """Two policies, one identity, one session that ends it once."""
    inner = WebSocketAuthMiddleware(WhoAmI.as_asgi(), Policy([SESSION]))
    communicator = await opened(app(inner), sessionid=await log_in(alice, theme="dark"))
    await communicator.send_json_to("logout")
    assert await closed(communicator) == 4410
    await communicator.wait()


async def test_scope_needs_no_thread_and_no_query_on_the_loop(alice):
    """What consumers read has been loaded; Django would refuse a query on the event loop."""

    class Reading(AsyncWebsocketConsumer):
        async def connect(self):
            await self.accept()
            session = self.scope["session"]
            told = [session.get("theme"), session.session_key, self.scope["user"].email]
            await self.send(text_data=json.dumps(told))

    key = await log_in(alice, theme="dark")
    assert await scope_of(app(Reading.as_asgi()), sessionid=key) == ["dark", key, ""]
    assert await scope_of(app(Reading.as_asgi()), query=f"token={jwt(sub=str(alice.pk))}") == [None, None, ""]


async def test_a_consumer_can_save_its_session(alice):
    """The session is the real one: what a consumer stores is there over HTTP."""

    class Saving(AsyncWebsocketConsumer):
        async def connect(self):
            self.scope["session"]["seen"] = True
            await sync_to_async(self.scope["session"].save)()
            await self.accept()
            await self.send(text_data="{}")

    key = await log_in(alice)
    await scope_of(app(Saving.as_asgi()), sessionid=key)

    def over_http():
        from django.contrib.sessions.backends.db import SessionStore
        from django.http import HttpRequest

        request = HttpRequest()
        request.session = SessionStore(key)
        return get_user(request), request.session["seen"]

    assert await sync_to_async(over_http)() == (alice, True)


def test_hosts_are_those_that_django_serves():
    """ALLOWED_HOSTS, or this machine while DEBUG is on and none are named; read when they are used."""
    hosts = DjangoScope().allowed_hosts
    assert hosts() == ["testserver", ".example.com"]
    with override_settings(ALLOWED_HOSTS=[], DEBUG=True):
        assert "127.0.0.1" in hosts()
    with override_settings(ALLOWED_HOSTS=[], DEBUG=False):
        assert list(hosts()) == []


def test_anonymous_identity_is_djangos():
    """Code that asks `isinstance(user, AnonymousUser)` gets its answer."""
    assert isinstance(DjangoScope().anonymous().user, AnonymousUser)
