"""The names that people already have in their `asgi.py` let in whom they should, and nobody else."""

from __future__ import annotations

import time

import pytest
from asgiref.sync import sync_to_async
from channels.generic.http import AsyncHttpConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import OriginValidator as OfChannels
from channels.testing import HttpCommunicator
from django.contrib.auth.models import User
from django.test import override_settings
from django.urls import path
from project.client import refusal, scope_of, socket
from project.consumers import WhoAmI
from project.people import access_token, jwt, log_in, open_session
from rest_framework.authtoken.models import Token
from rest_framework_simplejwt.tokens import RefreshToken

from wsauth import Anonymous, AnyOrigin, ConfigurationError, Connections, Credentials, Identity, Origins
from wsauth.django import (
    AllowedHostsOriginValidator,
    AuthMiddlewareStack,
    CookieJWTAuthMiddleware,
    OriginValidator,
    QueryTokenAuthMiddleware,
    SessionMiddlewareStack,
    SimpleJWTVerifier,
    TokenAuthMiddleware,
    TokenOrSessionAuthMiddlewareStack,
)
from wsauth.django.stacks import ProjectJWT

STACKS = [
    AuthMiddlewareStack,
    CookieJWTAuthMiddleware,
    QueryTokenAuthMiddleware,
    TokenAuthMiddleware,
    TokenOrSessionAuthMiddlewareStack,
]
SESSIONS = [AuthMiddlewareStack, TokenOrSessionAuthMiddlewareStack]


def app(stack, **options):
    """As an asgi.py has it."""
    return ProtocolTypeRouter({"websocket": stack(URLRouter([path("ws/", WhoAmI.as_asgi())]), **options)})


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("origin", [None, "http://testserver"])
async def test_client_without_credentials_is_anonymous(stack, origin):
    """As with Channels; its communicator sends no Origin."""
    told = await scope_of(app(stack), origin=origin)
    assert (told["user"], told["session"], told["cookies"]) == ("AnonymousUser", {}, {})


@pytest.mark.parametrize("stack", STACKS)
async def test_anonymous_client_is_refused_where_that_is_asked_for(stack):
    """One argument closes the door."""
    assert await refusal(app(stack, anonymous=Anonymous.NEVER)) == 4401


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://testserver.evil.example"])
async def test_page_of_another_site_is_refused(stack, origin, alice):
    """A browser always says where the page came from, and any page can make it send the cookie."""
    communicator = socket(app(stack), origin=origin, sessionid=await log_in(alice))
    connected, code = await communicator.connect()
    assert (connected, code) == (False, 4403)
    await communicator.wait()


@pytest.mark.parametrize("origin", [None, "http://testserver"])
@pytest.mark.parametrize("stack", [AuthMiddlewareStack, TokenOrSessionAuthMiddlewareStack])
async def test_session_cookie_alone_is_its_user(stack, origin, alice):
    """The fallback works: no token, so the session decides."""
    told = await scope_of(app(stack), origin=origin, sessionid=await log_in(alice, theme="dark"))
    assert (told["user"], told["session"]["theme"]) == ("alice", "dark")


async def test_session_that_is_no_good_any_more_is_anonymous_in_the_plain_stack(alice):
    """As with Channels: a changed password or an inactive user shows as AnonymousUser; the session row stays."""
    key = await log_in(alice)
    await User.objects.aupdate(is_active=False)
    told = await scope_of(app(AuthMiddlewareStack), sessionid=key)
    assert (told["user"], told["session"]) == ("AnonymousUser", {})
    assert await refusal(app(TokenOrSessionAuthMiddlewareStack), sessionid=key) == 4401


async def test_anonymous_session_keeps_its_data():
    """A basket is filled before anybody logs in."""
    told = await scope_of(app(AuthMiddlewareStack), sessionid=await open_session(basket="three apples"))
    assert (told["user"], told["session"]) == ("AnonymousUser", {"basket": "three apples"})


def presented(token):
    """The places where a JWT may stand."""
    return [{"query": f"token={token}"}, {"access_token": token}]


@pytest.mark.parametrize("place", [0, 1])
async def test_token_alone_is_its_user(alice, place):
    """In the query or in the cookie."""
    handshake = presented(access_token(alice))[place]
    stack = [QueryTokenAuthMiddleware, CookieJWTAuthMiddleware][place]
    assert (await scope_of(app(stack), **handshake))["user"] == "alice"
    assert (await scope_of(app(TokenOrSessionAuthMiddlewareStack), **handshake))["user"] == "alice"


@pytest.mark.parametrize("place", [0, 1])
async def test_token_beside_another_users_session_is_the_tokens_user(alice, bob, place):
    """Alice's token with Bob's cookie is Alice, with no trace of Bob's session."""
    handshake = {**presented(access_token(alice))[place], "sessionid": await log_in(bob, basket="of bob")}
    told = await scope_of(app(TokenOrSessionAuthMiddlewareStack), **handshake)
    assert (told["user"], told["session"], told["query"]) == ("alice", {}, "")


@pytest.mark.parametrize("place", [0, 1])
async def test_token_is_without_a_session_that_its_stack_does_not_know(alice, bob, place):
    """Nor is the key of Bob's session among the cookies of Alice, for whatever else would read it."""
    handshake = {**presented(access_token(alice))[place], "sessionid": await log_in(bob)}
    told = await scope_of(app([QueryTokenAuthMiddleware, CookieJWTAuthMiddleware][place]), **handshake)
    assert (told["user"], told["session"], "sessionid" in told["cookies"]) == ("alice", {}, False)


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("kind", ["expired", "text for a date", "refresh", "inactive", "forged", "irregular"])
async def test_token_that_is_no_good_refuses_whatever_stands_beside_it(alice, bob, place, kind):
    """An expired or wrong token never makes anybody Bob, nor anonymous."""
    claims = {"user_id": "1", "token_type": "access", "jti": "1"}
    tokens = {
        "expired": lambda: access_token(alice, exp=int(time.time()) - 1),
        "text for a date": lambda: access_token(alice, exp="9999999999"),
        "refresh": lambda: str(RefreshToken.for_user(alice)),
        "inactive": lambda: access_token(alice),
        "forged": lambda: jwt(key="x" * 40, **claims),
        "irregular": lambda: "a.b",
    }
    token = await sync_to_async(tokens[kind])()
    if kind == "inactive":
        await User.objects.filter(pk=alice.pk).aupdate(is_active=False)
    handshake = {**presented(token)[place], "sessionid": await log_in(bob)}
    stacks = [[QueryTokenAuthMiddleware, CookieJWTAuthMiddleware][place], TokenOrSessionAuthMiddlewareStack]
    for stack in stacks:
        assert await refusal(app(stack), **handshake) == (4440 if kind == "expired" else 4401)


async def test_connection_ends_with_its_token(alice):
    """The token's date is the connection's."""
    ends = []

    class Peek(WhoAmI):
        async def connect(self):
            ends.append(self.scope["wsauth"].identity.expires_at)
            await super().connect()

    exp = int(time.time()) + 60
    await scope_of(QueryTokenAuthMiddleware(Peek.as_asgi()), query=f"token={access_token(alice, exp=exp)}")
    assert ends == [exp]


async def test_token_of_rest_framework_in_the_query(alice, bob):
    """Exactly that key, of an active user."""
    token = await Token.objects.acreate(user=alice)
    told = await scope_of(app(TokenAuthMiddleware), query=f"token={token.key}", sessionid=await log_in(bob))
    assert (told["user"], told["session"]) == ("alice", {})
    assert await refusal(app(TokenAuthMiddleware), query=f"token={'x' * 40}") == 4401
    await User.objects.filter(pk=alice.pk).aupdate(is_active=False)
    assert await refusal(app(TokenAuthMiddleware), query=f"token={token.key}") == 4401


async def test_names_and_verifier_can_be_given(alice):
    """Other parameters, other cookies, another way to prove a token."""

    async def verify(credentials: Credentials) -> Identity | None:
        return Identity("7") if credentials.secret == "sesame" else None

    application = app(TokenOrSessionAuthMiddlewareStack, name="key", cookie="jwt", verifier=verify)
    for handshake in ({"query": "key=sesame"}, {"jwt": "sesame"}):
        assert (await scope_of(application, **handshake))["authenticated"] is True
    assert await refusal(application, query="key=open") == 4401


VALIDATORS = {
    "allowed hosts": lambda inner: AllowedHostsOriginValidator(inner),
    "host": lambda inner: OriginValidator(inner, ["testserver", ".testserver", "localhost"]),
    "origins": lambda inner: OriginValidator(
        inner, ["http://testserver:3000", "https://testserver", "http://.testserver", "https://app.example.com"]
    ),
    "anything": lambda inner: OriginValidator(inner, ["*"]),
    "two of them": lambda inner: OriginValidator(AllowedHostsOriginValidator(inner), ["*", "testserver"]),
    "Channels' own": lambda inner: OfChannels(inner, ["testserver", "*"]),
}
PAGES = ["http://testserver:3000", "https://testserver:3000", "http://testserver", "http://a.testserver"]
PAGES += ["http://localhost", "https://app.example.com", "null", "file://"]


@pytest.mark.parametrize("stack", SESSIONS)
@pytest.mark.parametrize("around", VALIDATORS.values(), ids=VALIDATORS)
@pytest.mark.parametrize("origin", PAGES)
async def test_validator_around_a_stack_admits_no_more_than_the_stack_alone(stack, around, origin, alice):
    """A page on another port of the host, or on plain http where the site is https, would come with its cookies."""
    key, https = await log_in(alice), ("x-forwarded-proto", "https")
    for headers in ((), (https,)):
        alone = await admits(app(stack), origin=origin, headers=headers, sessionid=key)
        assert await admits(around(app(stack)), origin=origin, headers=headers, sessionid=key) in (False, alone)


async def admits(application, **handshake):
    communicator = socket(application, **handshake)
    connected, _ = await communicator.connect()
    await (communicator.disconnect() if connected else communicator.wait())
    return connected


@pytest.mark.parametrize("stack", STACKS)
async def test_page_of_another_host_is_named_at_the_stack(stack, alice):
    """And a validator around it still narrows."""
    inner = app(stack, origins=Origins("https://app.example.com", "https://b.example.com"))
    guarded = OriginValidator(inner, ["https://app.example.com"])
    told = await scope_of(guarded, origin="https://app.example.com", sessionid=await log_in(alice))
    assert told["user"] == ("alice" if stack in SESSIONS else "AnonymousUser")
    assert await refusal(guarded, origin="https://b.example.com") == 1000


@pytest.mark.parametrize("stack", [AuthMiddlewareStack, TokenOrSessionAuthMiddlewareStack])
@pytest.mark.parametrize("origin", ["http://evil.example", "https://testserver.evil.example", "null"])
async def test_validator_that_lets_everybody_pass_gives_no_site_the_cookie(stack, origin, alice):
    """ALLOWED_HOSTS = ["*"] is common behind a proxy, and names nobody: the stack's own rule holds."""
    key = await log_in(alice)
    for names in (["*"], ["*", "app.example.com"]):
        with override_settings(ALLOWED_HOSTS=names):
            communicator = socket(AllowedHostsOriginValidator(app(stack)), origin=origin, sessionid=key)
            assert await communicator.connect() == (False, 4403)
            await communicator.wait()
            told = await scope_of(AllowedHostsOriginValidator(app(stack)), origin=None, sessionid=key)
            assert told["user"] == "alice"


async def test_query_token_inside_a_validator_is_taken_out_of_the_servers_scope(alice):
    """The server logs the query string of the scope that it made."""
    guarded = OriginValidator(app(QueryTokenAuthMiddleware), ["http://testserver"])
    made = []

    async def server(scope, receive, send):
        made.append(scope)
        await guarded(scope, receive, send)

    told = await scope_of(server, origin="http://testserver", query=f"token={access_token(alice)}")
    assert (told["user"], made[0]["query_string"]) == ("alice", b"")


async def test_origin_rule_that_is_given_holds_inside_a_validator_too(alice):
    """What the author wrote at the stack is not replaced by what stands around it."""
    inner = AuthMiddlewareStack(URLRouter([path("ws/", WhoAmI.as_asgi())]), origins=Origins("https://app.example.com"))
    assert await refusal(OriginValidator(inner, ["*"]), origin="http://testserver") == 4403


def test_origin_rule_can_be_given_and_is_judged():
    """Cookies and any origin do not go together, here as in a policy."""
    QueryTokenAuthMiddleware(WhoAmI.as_asgi(), origins=AnyOrigin())
    with pytest.raises(ConfigurationError, match="AnyOrigin"):
        AuthMiddlewareStack(WhoAmI.as_asgi(), origins=AnyOrigin())


def test_project_jwt_is_simplejwts_where_it_is_installed():
    """Chosen when it is first asked for."""
    assert isinstance(ProjectJWT().chosen, SimpleJWTVerifier)


@pytest.mark.parametrize("installed", [True, False], ids=["simplejwt", "SECRET_KEY"])
def test_a_key_that_can_be_guessed_stops_the_start(installed, monkeypatch):
    """The stack is refused where it is written, not at its first handshake."""
    monkeypatch.setattr("wsauth.django.stacks.find_spec", lambda name: installed or None)
    with (
        override_settings(SECRET_KEY="django-insecure-w9$kq3m!v7zr@x2p8h#d5f^j&b1n*t6y(g4s)u0e"),
        pytest.raises(ConfigurationError, match="startproject"),
    ):
        TokenOrSessionAuthMiddlewareStack(None)


async def test_project_jwt_is_signed_with_the_secret_key_where_simplejwt_is_not_installed(alice, monkeypatch):
    """HS256 with SECRET_KEY and simplejwt's own claim."""
    monkeypatch.setattr("wsauth.django.stacks.find_spec", lambda name: None)
    application = app(QueryTokenAuthMiddleware)
    assert (await scope_of(application, query=f"token={jwt(user_id=alice.pk)}"))["user"] == "alice"
    assert await refusal(application, query=f"token={jwt(user_id=alice.pk, token_type='refresh')}") == 4401


class Page(AsyncHttpConsumer):
    async def handle(self, body: bytes) -> None:
        await self.send_response(200, str(self.scope.get("user", "nobody asked")).encode())


@pytest.mark.parametrize("stack", STACKS)
async def test_http_goes_where_it_went_before(stack, alice):
    """To Channels' own stack where a session counts, else to the application untouched."""
    headers = [(b"cookie", f"sessionid={await log_in(alice)}".encode())]
    answer = await HttpCommunicator(stack(Page.as_asgi()), "GET", "/", headers=headers).get_response()
    with_session = stack in (AuthMiddlewareStack, TokenOrSessionAuthMiddlewareStack)
    assert answer["body"] == (b"alice" if with_session else b"nobody asked")


def test_session_middleware_stack_is_channels_own():
    """It says nothing about who connects, so there is nothing to change."""
    from channels.sessions import SessionMiddlewareStack as OfChannels

    assert SessionMiddlewareStack is OfChannels


def test_a_stack_takes_the_log_of_the_project():
    """Where several processes serve, a log-out in one of them is to reach the sockets of all."""
    shared, inner = Connections(), URLRouter([])
    for stack in STACKS:
        assert stack(inner, connections=shared).policy.connections is shared  # though nobody is connected yet
        assert stack(inner).policy.connections is not stack(inner).policy.connections
