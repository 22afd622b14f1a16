from __future__ import annotations

from asyncapi.policies import API_KEY, BEARER, COOKIE, QUERY, policy
from wsauth import Anonymous
from wsauth.asyncapi import Channel, Parameter
from wsauth.asyncapi.bindings import channel_bindings
from wsauth.asyncapi.security import guard


def ws(*schemes, channel=None, **settings):
    guarded = guard([policy(*schemes, **settings)] if schemes else [])
    return channel_bindings(channel or Channel(address="/"), guarded)["ws"]


def test_schemes_in_query_and_headers_are_mirrored():
    """Generators build the client's address from the binding; a cookie is none of its business."""
    binding = ws(QUERY, API_KEY, BEARER, COOKIE)
    assert list(binding["query"]["properties"]) == ["token"]
    assert list(binding["headers"]["properties"]) == ["X-API-Key", "Authorization"]
    assert "`Bearer <credential>`" in binding["headers"]["properties"]["Authorization"]["description"]
    assert "required" not in binding["query"]


def test_a_scheme_without_alternative_is_required():
    """Not where the client may stay anonymous."""
    assert ws(QUERY)["query"]["required"] == ["token"]
    assert "required" not in ws(QUERY, anonymous=Anonymous.IF_MISSING)["query"]


def test_an_open_channel_has_no_more_than_a_method():
    """The handshake of a WebSocket is a GET (RFC 6455 §4.1)."""
    assert ws() == {"method": "GET", "bindingVersion": "0.1.0"}


def test_the_applications_own_parameters_come_first():
    """And win over a scheme of the same name."""
    own = (
        Parameter("page", "Which", {"type": "integer"}, default="1", examples=("2",), required=True),
        Parameter("token", "Mine", enum=("a",)),
    )
    query = ws(QUERY, channel=Channel(address="/", query=own))["query"]
    assert query["properties"] == {
        "page": {"type": "integer", "description": "Which", "default": "1", "examples": ["2"]},
        "token": {"type": "string", "description": "Mine", "enum": ["a"]},
    }
    assert query["required"] == ["page"]
