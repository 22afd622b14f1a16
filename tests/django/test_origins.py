"""Channels' origin validators, without what they raise for and what they overlook."""

from __future__ import annotations

import contextlib

import pytest
from channels.exceptions import StopConsumer
from channels.security.websocket import OriginValidator as OfChannels
from django.test import override_settings

from wsauth import ConfigurationError
from wsauth.core.ration import LINES
from wsauth.django import AllowedHostsOriginValidator, OriginValidator


async def application(scope, receive, send):
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})


async def admits(app, *origins):
    """Whether a handshake with these Origin lines reaches the application."""
    events = iter(({"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1006}))
    sent = []

    async def receive():
        return next(events)

    async def send(message):
        sent.append(message)

    with contextlib.suppress(StopConsumer):  # Channels' own denier
        await app({"type": "websocket", "headers": [(b"origin", origin) for origin in origins]}, receive, send)
    assert sent in ([{"type": "websocket.accept"}], [{"type": "websocket.close"}])
    return sent == [{"type": "websocket.accept"}]


@pytest.mark.parametrize("pattern", [
    "*", "example.com", ".example.com", "http://example.com", "https://example.com", "http://.example.com", "http://example.com:8000",
    "http://example.com/", "https://.example.com:443", "localhost", "127.0.0.1", "[::1]", "http://[::1]:3000", "EXAMPLE.com",
    "capacitor://localhost", "", ".", "http://", "://",
])  # fmt: skip
@pytest.mark.parametrize("origin", [
    "http://example.com", "https://example.com", "http://example.com:8000", "http://www.example.com", "https://a.b.example.com:443",
    "http://notexample.com", "http://example.com.evil.com", "http://localhost", "http://localhost:3000", "https://127.0.0.1:8000",
    "http://[::1]:3000", "HTTP://EXAMPLE.COM", "null", "file://", "capacitor://localhost",
])  # fmt: skip
async def test_patterns_match_as_in_channels(pattern, origin):
    """Where Channels' own has an answer, it is the same one."""
    of_channels = await admits(OfChannels(application, [pattern.lower()]), origin.encode())
    assert await admits(OriginValidator(application, [pattern]), origin.encode()) is of_channels


@pytest.mark.parametrize("patterns", [["*"], ["http://example.com", "example.com"]])
@pytest.mark.parametrize("origin", [
    b"http://[", b"http://example.com:port", b"http://example.com:99999", b"", b"*", b"http://", b"http://a\0b", b"\xff",
    b"x" * 5000,
    b"http://example.com@evil.com", b"http://me@example.com", b"http://example.com/path", b"http://example.com#f",
    b"http://example.com\\.evil.com", b"http://example%2ecom", b"http://example.com, http://example.com",
])  # fmt: skip
async def test_malformed_origin_is_denied(patterns, origin):
    """Never an error, and no benefit of the doubt."""
    assert not await admits(OriginValidator(application, patterns), origin)


async def test_two_origins_are_no_origin():
    """Channels reads the last one; a proxy may have read the first."""
    good, evil = b"http://example.com", b"http://evil.com"
    for origins in ((good, evil), (evil, good), (good, good)):
        assert not await admits(OriginValidator(application, ["example.com"]), *origins)


@pytest.mark.parametrize(("patterns", "admitted"), [(["*"], True), (["example.com"], False), ([], False)])
async def test_missing_origin_passes_only_where_everything_does(patterns, admitted):
    """As in Channels."""
    assert await admits(OriginValidator(application, patterns)) is admitted


@pytest.mark.parametrize(("origin", "admitted"), [(b"http://localhost:3000", True), (b"http://localhost:3001", False)])
@pytest.mark.parametrize("pattern", ["localhost:3000", "http://localhost:3000"])
async def test_port_that_is_written_must_match(pattern, origin, admitted):
    """Without a scheme Channels never matches a name with a port, and ignores the port of an address."""
    assert await admits(OriginValidator(application, [pattern]), origin) is admitted


async def test_allowed_hosts_are_those_of_the_settings():
    """Read at each handshake; this machine while DEBUG is on and none are named."""
    app = AllowedHostsOriginValidator(application)
    assert await admits(app, b"https://testserver:8443")
    assert await admits(app, b"http://www.example.com")
    assert not await admits(app, b"http://localhost:8000")
    with override_settings(ALLOWED_HOSTS=[], DEBUG=True):
        assert await admits(app, b"http://localhost:8000")
        assert not await admits(app, b"http://testserver")


async def test_denial_is_logged_with_the_origin_and_cannot_forge_a_line(caplog):
    """Whoever wonders why a page does not connect finds out."""
    assert not await admits(OriginValidator(application, ["example.com"]), b"http://evil.com\nINFO all is well")
    assert "http://evil.com\\nINFO" in caplog.text


async def test_client_that_leaves_first_is_not_answered():
    """There is nobody to deny."""
    sent = []

    async def receive():
        return {"type": "websocket.disconnect", "code": 1006}

    async def send(message):
        sent.append(message)

    await OriginValidator(application, [])({"type": "websocket", "headers": []}, receive, send)
    assert sent == []


async def test_http_passes():
    """A request has other protections, and Channels' ProtocolTypeRouter is not everywhere."""
    seen = []

    async def http(scope, receive, send):
        seen.append(scope["type"])

    await OriginValidator(http, [])({"type": "http", "headers": []}, None, None)
    assert seen == ["http"]


def test_text_for_a_list_is_refused_with_the_fix():
    """Its letters would each be a pattern."""
    with pytest.raises(ConfigurationError, match=r"\['http://example.com'\]"):
        OriginValidator(application, "http://example.com")


@pytest.mark.parametrize("patterns", [None, 5, [b"http://example.com"], [None], ["example.com", 7]])
def test_patterns_that_are_no_texts_are_refused_with_the_fix(patterns):
    """Each handshake would fail."""
    with pytest.raises(ConfigurationError, match=r"write a list of texts, as \['https://app.example.com'\]"):
        OriginValidator(application, patterns)


def test_what_is_in_another_place_is_refused_with_the_fix():
    """Patterns for the application, and an async function for the patterns."""

    async def patterns():
        return ["example.com"]

    with pytest.raises(ConfigurationError, match="the application comes first"):
        OriginValidator(["example.com"], application)
    with pytest.raises(ConfigurationError, match="write a plain `def`"):
        OriginValidator(application, patterns)


async def test_many_foreign_origins_write_few_lines(caplog):
    """What strangers send costs a bounded number of log lines, however many handshakes they make."""
    validator = OriginValidator(application, ["http://example.com"])
    for number in range(200):
        assert not await admits(validator, b"http://evil%d.com" % number)
    assert 1 <= len(caplog.records) <= LINES
