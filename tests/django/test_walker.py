"""What the walker finds is what runs: addresses, consumers, and the policies around them."""

from __future__ import annotations

import functools

import pytest
from channels.auth import AuthMiddleware, AuthMiddlewareStack
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.test import override_settings
from django.urls import path
from effort import calls
from project.asgi import COOKIE, QUERY, build
from project.dispatch import DispatchConsumer

from wsauth import ConfigurationError, Policy, ReportOnly, WebSocketAuthMiddleware
from wsauth import django as drop_in
from wsauth.asyncapi import document
from wsauth.django import walk
from wsauth.django.walker import title


class Chat(AsyncJsonWebsocketConsumer):
    """Says what is said
    in a room.

    And more.
    """


def sockets(*routes, around=lambda app: app):
    return walk(ProtocolTypeRouter({"http": None, "websocket": around(URLRouter(list(routes)))}))


def only(*routes, around=lambda app: app):
    application = sockets(*routes, around=around)
    (channel,) = application.channels
    return channel


def guarded(*policies):
    """What puts policies around, the first outermost."""
    return lambda app: functools.reduce(lambda app, policy: WebSocketAuthMiddleware(app, policy), policies[::-1], app)


CHAT = path("chat/", Chat.as_asgi())


def test_a_consumer_behind_a_policy(published):
    """Its address, words, operations and policy, from the objects that run."""
    policy = Policy([QUERY])
    application = sockets(path("ws/dispatch/", DispatchConsumer.as_asgi(), name="jobs"), around=guarded(policy))
    (channel,) = application.channels
    assert (channel.address, channel.name, channel.title) == ("/ws/dispatch/", "jobs", "Dispatch")
    assert channel.description == "Jobs for couriers."
    assert channel.policies == (policy,)
    assert application.warnings == ()
    written = published(application)
    payload = written["components"]["messages"]["take_job"]["payload"]
    assert payload["title"] == "TakeJob"
    assert list(payload["properties"]) == ["action", "job", "courier"]
    assert {message["name"] for message in written["components"]["messages"].values()} == {
        *("order_courier", "courier.ordered", "take_job", "ping", "call_off", "courier.found", "courier.gone")
    }


def test_policies_are_collected_from_the_outside_in():
    """Those that only report, too."""
    outer, reported, inner = Policy([QUERY]), ReportOnly(Policy([COOKIE])), Policy([QUERY])
    route = path("chat/", WebSocketAuthMiddleware(Chat.as_asgi(), inner))
    assert only(route, around=guarded(outer, reported)).policies == (outer, reported, inner)


@pytest.mark.parametrize(
    ("stack", "names"),
    [
        ("AuthMiddlewareStack", ["session"]),
        ("QueryTokenAuthMiddleware", ["queryToken"]),
        ("TokenOrSessionAuthMiddlewareStack", ["queryToken", "cookieToken", "session"]),
    ],
)
def test_the_drop_in_stacks_are_policies(stack, names):
    """Whoever changed nothing but an import has a document, too."""
    channel = only(CHAT, around=getattr(drop_in, stack))
    assert [scheme.name for scheme in channel.policies[0].schemes] == names
    assert channel.unknown == ()


def test_channels_own_middleware_is_no_policy():
    """It is named once for all that it stands around, with what it does instead."""
    found = sockets(
        CHAT, path("b/", Chat.as_asgi()), around=lambda app: AllowedHostsOriginValidator(AuthMiddlewareStack(app))
    )
    assert [(channel.policies, channel.unknown) for channel in found.channels] == [((), ()), ((), ())]
    (remark,) = found.warnings
    assert remark.startswith("/chat/ and 1 more: no policy is around it, only channels.security")
    assert "channels.auth.AuthMiddleware (says whose session it is and refuses nobody)" in remark


def test_a_policy_around_channels_own_middleware_is_enough():
    """Nothing is missing then."""
    found = sockets(CHAT, around=lambda app: guarded(Policy([QUERY]))(AuthMiddlewareStack(app)))
    assert found.warnings == ()


class Gate:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send): ...


class OwnAuthMiddleware(AuthMiddleware):
    """Changes what Channels' does."""


def wrapped(app):
    @functools.wraps(app)
    async def inner(scope, receive, send): ...

    return inner


@pytest.mark.parametrize(
    ("around", "name"),
    [(Gate, "Gate"), (OwnAuthMiddleware, "OwnAuthMiddleware"), (wrapped, "wrapped.<locals>.inner")],
)
def test_unknown_middleware_is_named(around, name, published):
    """Around everything or around one consumer: never a silent "no auth"."""
    outside = (
        walk(Gate(ProtocolTypeRouter({"websocket": URLRouter([CHAT])})))
        if around is Gate
        else sockets(CHAT, around=Gate)
    )
    assert [unknown.rpartition(".")[2] for unknown in outside.channels[0].unknown] == ["Gate"]
    channel = only(path("chat/", around(Chat.as_asgi())))
    assert [unknown.endswith(name) for unknown in channel.unknown] == [True]
    assert channel.title == "Chat"
    told = []
    written = published(walk(URLRouter([path("chat/", around(Chat.as_asgi()))])), told=told)
    assert "wsauth does not know" in told[1]
    assert written["channels"]["chat"]["x-wsauth-unrecognised-middleware"] is True


def test_an_asgi_application_behind_a_path_is_a_channel_without_operations(published):
    """A function, an object, and one whose policy is of its own."""

    async def echo(scope, receive, send):
        """Say it again."""

    class App:
        """An application
        as an object."""

        async def __call__(self, scope, receive, send): ...

    policy = Policy([QUERY])
    found = sockets(
        path("echo/", echo), path("app/", App()), path("own/", WebSocketAuthMiddleware(echo, policy)), path("cls/", App)
    )
    assert [(channel.description, channel.operations) for channel in found.channels] == [
        ("Say it again.", ()),
        ("An application as an object.", ()),
        ("Say it again.", ()),
        ("An application as an object.", ()),
    ]
    assert [bool(channel.policies) for channel in found.channels] == [False, False, True, False]
    published(found, told=[])


def test_an_application_that_nobody_can_look_into_is_a_warning():
    """So is one without sockets, and one that is wrapped without end."""

    async def dispatch(scope, receive, send): ...

    assert "cannot look into it" in walk(dispatch).warnings[0]
    assert ".dispatch: " in walk(dispatch).warnings[0]
    assert 'has no "websocket"' in walk(ProtocolTypeRouter({"http": dispatch})).warnings[0]
    endless = Gate(None)
    endless.app = endless
    assert "wrapped more than" in walk(endless).warnings[0]


def test_a_consumer_without_a_router_answers_every_path():
    """It is documented at the root, with a warning."""
    found = walk(ProtocolTypeRouter({"websocket": Chat.as_asgi()}))
    assert [channel.address for channel in found.channels] == ["/"]
    assert "test_walker.Chat: it answers every path" in found.warnings[0]


def test_a_route_that_is_never_reached_is_left_out():
    """The first of two with the same address answers; one that takes other values is another."""
    found = sockets(
        path("<int:n>/", Chat.as_asgi()),
        path("<slug:n>/", Chat.as_asgi()),
        path("<int:n>/", DispatchConsumer.as_asgi()),
    )
    assert [channel.title for channel in found.channels] == ["Chat", "Chat"]
    assert "DispatchConsumer is never reached" in found.warnings[0]


def test_the_running_application_is_that_of_the_settings():
    """And where there is none, an error says what to write."""
    with override_settings(ASGI_APPLICATION="project.asgi.application"):
        assert [channel.name for channel in walk().channels] == ["dispatch", "news"]
    for wrong in (None, "project.asgi.missing", "no_such_module.application"):
        with (
            override_settings(ASGI_APPLICATION=wrong),
            pytest.raises(ConfigurationError, match="write ASGI_APPLICATION"),
        ):
            walk()


def test_removing_a_scheme_from_the_policy_changes_the_document(published):
    """With nothing else touched; what is left is what is enforced."""
    both, one = (published(walk(build(*schemes))) for schemes in ((QUERY, COOKIE), (COOKIE,)))
    assert list(both["components"]["securitySchemes"]) == ["queryToken", "cookieJWT"]
    assert list(one["components"]["securitySchemes"]) == ["cookieJWT"]
    assert "query" not in one["channels"]["news"]["bindings"]["ws"]


def routed(count):
    routes = [path(f"ws/{number}/<int:n>/", DispatchConsumer.as_asgi()) for number in range(count)]
    return ProtocolTypeRouter({"websocket": guarded(Policy([QUERY, COOKIE]))(URLRouter(routes))})


def test_each_further_route_takes_as_much_work_as_the_first():
    """Of the walker and the document together."""
    assert len(document(walk(routed(200)))["channels"]) == 200  # and what is loaded once is loaded
    fifty, two_hundred = routed(50), routed(200)
    assert calls(lambda: document(walk(two_hundred))) < 5 * calls(lambda: document(walk(fifty)))


@pytest.mark.parametrize(
    ("name", "words"), [("LiveMapConsumer", "Live map"), ("Chat", "Chat"), ("HTTPFeed", "HTTPFeed"), ("Consumer", "")]
)
def test_a_consumers_name_is_its_title(name, words):
    """As words."""
    assert title(type(name, (), {})) == words
