from __future__ import annotations

import pytest

from wsauth.asyncapi import Channel, naming


@pytest.mark.parametrize(
    ("text", "key"), [("ride.offer", "ride.offer"), ("a b/c", "a_b_c"), ("", "unnamed"), ("{}", "unnamed")]
)
def test_a_key_is_what_components_take(text, key):
    """Letters, digits, dot, hyphen and underscore."""
    assert naming.key(text) == key


@pytest.mark.parametrize(("text", "name"), [("ride.offer", "ride_offer"), ("2fa", "_2fa"), ("é", "unnamed")])
def test_an_identifier_is_a_name_in_code(text, name):
    """Generators make functions of operations."""
    assert naming.identifier(text) == name


def test_what_occurs_again_is_numbered():
    """A name that stands there already is not given to another."""
    assert naming.distinct(["a", "a", "a_2", "a"]) == ["a", "a_3", "a_2", "a_4"]


@pytest.mark.parametrize(
    ("addresses", "keys"),
    [
        (["/ws/chat/{room}/"], ["chat"]),
        (["/"], ["root"]),
        (["/ws/a/events/", "/ws/b/events/"], ["ws_a_events", "ws_b_events"]),
        (["/chat/{a}/", "/chat/{a}/{b}/"], ["chat_a", "chat_a_b"]),
        (["/chat/", "/chat/"], ["chat", "chat_2"]),
    ],
)
def test_channels_are_named_by_as_much_of_the_address_as_it_takes(addresses, keys):
    """Those that share a last segment are told apart readably."""
    assert naming.channel_keys([Channel(address=address) for address in addresses]) == keys


def test_a_hint_names_a_channel():
    """Two channels with one hint are named by their addresses."""
    channels = [
        Channel(address="/a/", name="Chat room"),
        Channel(address="/b/c/", name="x"),
        Channel(address="/d/", name="x"),
    ]
    assert naming.channel_keys(channels) == ["Chat_room", "b_c", "d"]
