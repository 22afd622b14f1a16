"""Addresses are what the patterns of the routes say."""

from __future__ import annotations

import pytest
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import path, re_path, register_converter
from django.urls.converters import IntConverter

from wsauth.django import walk


class Chat(AsyncJsonWebsocketConsumer): ...


class YearConverter(IntConverter):
    regex = "[0-9]{4}"


register_converter(YearConverter, "year")


def sockets(*routes):
    return walk(ProtocolTypeRouter({"websocket": URLRouter(list(routes))}))


@pytest.mark.parametrize(
    ("route", "address", "schemas"),
    [
        (path("", Chat.as_asgi()), "/", {}),
        (path("<n>/", Chat.as_asgi()), "/{n}/", {"n": {"type": "string"}}),
        (path("<int:n>/", Chat.as_asgi()), "/{n}/", {"n": {"type": "integer", "minimum": 0}}),
        (path("<uuid:n>/", Chat.as_asgi()), "/{n}/", {"n": {"type": "string", "format": "uuid"}}),
        (path("<slug:n>/", Chat.as_asgi()), "/{n}/", {"n": {"type": "string", "pattern": "^[-a-zA-Z0-9_]+$"}}),
        (path("f/<path:n>", Chat.as_asgi()), "/f/{n}", {"n": {"type": "string", "minLength": 1}}),
        (path("<year:n>/", Chat.as_asgi()), "/{n}/", {"n": {"type": "string", "pattern": "^[0-9]{4}$"}}),
        (re_path(r"^ws/v1\.0/$", Chat.as_asgi()), "/ws/v1.0/", {}),
        (re_path(r"^(?P<n>\w+)/$", Chat.as_asgi()), "/{n}/", {"n": {"type": "string", "pattern": r"^\w+$"}}),
        (re_path(r"(?P<n>a|b)$", Chat.as_asgi()), "/{n}", {"n": {"type": "string", "pattern": "^(?:a|b)$"}}),
        (re_path(r"(?P<n>[^)]+\))$", Chat.as_asgi()), "/{n}", {"n": {"type": "string", "pattern": r"^[^)]+\)$"}}),
        (re_path(r"(?P<n>(?i:x))$", Chat.as_asgi()), "/{n}", {"n": {"type": "string"}}),
        (re_path(r"(\w+)/(\d+)/$", Chat.as_asgi()), "/{var}/{var_2}/", {"var": None, "var_2": None}),
    ],
)
def test_addresses_and_their_parameters(route, address, schemas):
    """`path` with every converter and one's own, `re_path` with named groups and without."""
    (channel,) = sockets(route).channels
    assert channel.address == address
    assert {found.name: found.schema for found in channel.parameters} == {
        name: schema or {"type": "string"} for name, schema in schemas.items()
    }


def test_routers_in_routers_join_their_paths_and_names():
    """With one "/" between them; a name that occurs again is numbered, for both vary."""
    innermost = URLRouter([path("<int:n>/", Chat.as_asgi())])
    inner = URLRouter(
        [path("rooms/", innermost, name="rooms"), re_path(r"^$", Chat.as_asgi()), path("/x", Chat.as_asgi())]
    )
    found = sockets(path("v<int:n>", inner), path("chat/", Chat.as_asgi()))
    assert [(channel.address, channel.name) for channel in found.channels] == [
        ("/v{n}/rooms/{n_2}/", "rooms"),
        ("/v{n}", ""),
        ("/v{n}/x", ""),
        ("/chat/", ""),
    ]


def test_an_expression_that_no_address_can_say_is_a_warning():
    """The part that may be anything becomes a parameter, so that the document stays valid."""
    found = sockets(re_path(r"^ws/(?:a/|b/)?c\d{2}/(?P<n>\w+)/$", Chat.as_asgi()))
    assert found.channels[0].address.endswith("/{n}/")
    assert "{part}" in found.channels[0].address
    assert "more than an address can say" in found.warnings[0]
