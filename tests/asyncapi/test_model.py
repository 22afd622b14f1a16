from __future__ import annotations

import pytest

from wsauth import ConfigurationError
from wsauth.asyncapi import Channel, Message, Server


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("wss://api.example.com", ("wss", "api.example.com", "")),
        ("ws://localhost:8000/base/", ("ws", "localhost:8000", "/base")),
        ("https://example.com", ("wss", "example.com", "")),
        ("http://[::1]:80", ("ws", "[::1]:80", "")),
    ],
)
def test_a_server_is_taken_from_an_address(url, expected):
    """Host, protocol and path are apart, as the Server Object wants them."""
    server = Server.from_url("default", url)
    assert (server.protocol, server.host, server.pathname) == expected


@pytest.mark.parametrize(
    "url", ["api.example.com", "ftp://a", "wss://", "wss://u:geheim@a", "wss://a?b", "wss://a#b", "wss://[::1"]
)
def test_an_address_that_is_no_server_is_refused_and_not_quoted(url):
    """It may hold a password."""
    with pytest.raises(ConfigurationError, match=r'write "wss://api\.example\.com"') as refused:
        Server.from_url("default", url)
    assert "geheim" not in str(refused.value)


def test_placeholders_come_in_the_order_of_the_address():
    """Each once."""
    assert Channel(address="/{b}/x/{a}/{b}").placeholders == ("b", "a")


def test_a_message_carries_its_name_where_it_is_told_to():
    """And nowhere by itself."""
    message = Message(name="ping")
    assert message.discriminator is None
    assert message.discriminated_by("type").discriminator == ("type", "ping")
    assert message.discriminated_by("type").discriminated_by(None) == message
