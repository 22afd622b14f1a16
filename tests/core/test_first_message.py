"""The credential in the first text message, read as strictly as one in the handshake."""

from __future__ import annotations

import json
from typing import Any

import pytest
from effort import calls

from core.handshakes import handshake_of, scope_of
from wsauth.core.errors import ConfigurationError, InvalidCredentials
from wsauth.core.first_message import FirstMessage
from wsauth.core.reasons import Reason


def refusal(text: str | None, location: FirstMessage | None = None) -> InvalidCredentials:
    with pytest.raises(InvalidCredentials) as caught:
        (location or FirstMessage()).parse(text)
    assert caught.value.reason is Reason.MALFORMED
    assert caught.value.__cause__ is None
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        '{"type": "auth", "token": "t0ken"}',
        '{"token":"t0ken","type":"auth"}',
        ' {"type": "auth", "token": "t0ken", "version": 2}\n',
        '{"type": "auth", "token": "\\u0074\\u0030ken"}',
    ],
)
def test_a_message_of_the_type_with_a_token_is_read(text: str):
    """Order, blanks, escapes and further members do not matter."""
    assert FirstMessage().parse(text).secret == "t0ken"


def test_type_and_field_are_the_deployers():
    """Clients that exist already say it in other words."""
    location = FirstMessage(type="connection_init", field="jwt")
    assert location.parse('{"type": "connection_init", "jwt": "t0ken"}').secret == "t0ken"
    refusal('{"type": "auth", "token": "t0ken"}', location)


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "[]",
        "42",
        '"t0ken"',
        "true",
        "",
        "t0ken",
        "{}",
        '{"token": "t0ken"}',
        '{"type": "AUTH", "token": "t0ken"}',
        '{"type": ["auth"], "token": "t0ken"}',
        '{"type": "auth"}',
        '{"type": "auth", "token": null}',
        '{"type": "auth", "token": 42}',
        '{"type": "auth", "token": true}',
        '{"type": "auth", "token": ["t0ken"]}',
        '{"type": "auth", "token": {"token": "t0ken"}}',
        '{"type": "auth", "token": ""}',
        '{"type": "auth", "token": "two words"}',
        '{"type": "auth", "token": "line\\nbreak"}',
        '{"type": "auth", "token": "nul\\u0000"}',
        '{"type": "auth", "token": "t\xf6ken"}',
        '{"type": "auth", "token": "\\ud800"}',
        '{"type": "auth", "token": "\ud800"}',
        '{"type": "auth", "token": "a", "token": "b"}',
        '{"type": "auth", "token": "a", "\\u0074oken": "b"}',
        '{"type": "noop", "type": "auth", "token": "a"}',
        '{"type": "auth", "token": NaN}',
        '{"type": "auth", "token": "t0ken", "exp": 1e400}',
        '\ufeff{"type": "auth", "token": "t0ken"}',
        '{"type": "auth", "token": "t0ken"} {}',
        '{"type": "auth", "token": "t0ken", "a": ' + "[" * 2000 + "]" * 2000 + "}",
    ],
)
def test_a_message_of_another_shape_is_malformed(text: str):
    """Whatever the text is, it is refused cleanly, and the explanation quotes nothing of it."""
    assert "t0ken" not in refusal(text).detail


def test_a_binary_message_is_malformed():
    """The credential is text."""
    assert "binary" in refusal(None).detail


@pytest.mark.parametrize("size", [20_000, 1_000_000, 12_000_000])
def test_a_long_message_is_refused_before_it_is_parsed(size: int, monkeypatch: pytest.MonkeyPatch):
    """Servers pass on messages of 16 MiB to a client that has proved nothing."""
    monkeypatch.setattr("wsauth.core.strict_json.loads", lambda text: pytest.fail("parsed"))
    text = json.dumps({"type": "auth", "token": "a" * size})
    assert "longer" in refusal(text).detail
    assert calls(lambda: refusal(text)) < 100


@pytest.mark.parametrize("character", ["a", "\xf6", "€", "😀", "\ud800"])
def test_the_limit_counts_bytes(character: str, monkeypatch: pytest.MonkeyPatch):
    """A limit in characters would admit four times as much."""
    width = len(character.encode("utf-8", "surrogatepass"))
    location = FirstMessage(max_size=120)
    assert "longer" not in refusal(character * (120 // width), location).detail
    assert "longer" in refusal(character * (120 // width + 1), location).detail


def test_a_token_of_the_greatest_size_fits():
    """The default limit leaves room for the message around the token."""
    token = "a" * 8192
    assert FirstMessage().parse(json.dumps({"type": "auth", "token": token})).secret == token
    assert "longer than 8192" in refusal(json.dumps({"type": "auth", "token": token + "a"})).detail


def test_no_handshake_holds_it():
    """The location takes part in a handshake like any other, and finds nothing there."""
    location = FirstMessage()
    scope = scope_of(("authorization", "Bearer t0ken"), query='{"type": "auth", "token": "t0ken"}')
    before = dict(scope)
    location.strip(scope)
    assert scope == before
    assert location.read(handshake_of(query="token=t0ken")) is None
    assert not location.ambient


@pytest.mark.parametrize(
    "settings",
    [
        {"deadline": 0},
        {"deadline": -1},
        {"deadline": 121},
        {"deadline": float("nan")},
        {"deadline": float("inf")},
        {"deadline": "10"},
        {"deadline": None},
        {"deadline": True},
        {"max_size": 0},
        {"max_size": -1},
        {"max_size": 1e4},
        {"max_size": None},
        {"type": ""},
        {"type": None},
        {"field": ""},
        {"field": " "},
        {"type": " "},
        {"field": 5},
        {"field": "type"},
    ],
)
def test_a_setting_out_of_bounds_is_named_at_start_up(settings: dict[str, Any]):
    """The message names the setting, what was found, and what to write."""
    [(name, value)] = settings.items()
    with pytest.raises(ConfigurationError, match=rf"FirstMessage\({name}=.*write") as caught:
        FirstMessage(**settings)
    assert str(value) in str(caught.value)
