"""A project that was written for django-channels-spectacular keeps its settings, and learns what guards its sockets."""

from __future__ import annotations

import json

import pytest
from django.test import override_settings
from project.asgi import COOKIE, QUERY, application, unguarded

from wsauth import ConfigurationError, Policy
from wsauth.django.checks import check_policy
from wsauth.django.spectacular import SpectacularSettings, servers_from

AUTH = {"AUTH_QUERY_PARAM": "token", "AUTH_COOKIE_NAME": "access_token"}
QUERY_TOKEN = {"type": "httpApiKey", "in": "query", "name": "token"}
COOKIE_JWT = {"type": "httpApiKey", "in": "cookie", "name": "access_token"}


def spectacular(**settings):
    return override_settings(CHANNELS_SPECTACULAR_SETTINGS=settings)


def test_schemes_that_only_the_settings_declare_are_required_nowhere(described):
    """They are listed as not enforced, and nothing refers to them."""
    with spectacular(**AUTH):
        written, _ = described(application=unguarded)
    assert written["components"]["securitySchemes"] == {"queryToken": QUERY_TOKEN, "cookieJWT": COOKIE_JWT}
    assert written["x-wsauth-not-enforced"] == ["queryToken", "cookieJWT"]
    assert '"security"' not in json.dumps(written)
    assert all(channel["x-wsauth-unguarded"] for channel in written["channels"].values())


def test_schemes_that_a_policy_enforces_are_the_policys(described):
    """The settings add nothing to what they say alike."""
    with spectacular(**AUTH):
        written, warnings = described(application=application)
    assert written["components"]["securitySchemes"] == {"queryToken": QUERY_TOKEN, "cookieJWT": COOKIE_JWT}
    assert "x-wsauth-not-enforced" not in written
    assert warnings == []


def test_a_session_cookie_in_the_settings_is_no_token(described):
    """A page must not offer to paste one."""
    with spectacular(AUTH_COOKIE_NAME="sessionid"):
        written, _ = described(application=unguarded)
    assert written["components"]["securitySchemes"] == {
        "session": {"type": "httpApiKey", "in": "cookie", "name": "sessionid", "x-wsauth-session": True}
    }


def test_title_version_and_description_are_taken(described):
    """And `info` goes before them."""
    with spectacular(TITLE="Dispatch", VERSION="2.1", DESCRIPTION="Jobs."):
        written, _ = described(application=application)
        other, _ = described(application=application, info={"version": "3", "contact": {"name": "us"}})
    assert written["info"] == {"title": "Dispatch", "version": "2.1", "description": "Jobs."}
    assert other["info"] == {"title": "Dispatch", "version": "3", "description": "Jobs.", "contact": {"name": "us"}}


def test_without_settings_there_are_defaults():
    """Also for one that is None."""
    assert SpectacularSettings.read() == SpectacularSettings()
    with spectacular(TITLE=None, ASYNCAPI_VERSION="3.0.0"):
        assert SpectacularSettings.read() == SpectacularSettings()


@pytest.mark.parametrize(
    ("settings", "host", "protocol", "pathname"),
    [
        ({}, "here.example", "wss", "/base"),
        ({"WS_PROTOCOL": "ws"}, "here.example", "ws", "/base"),
        ({"WS_HOST": "ws.example.com:8443"}, "ws.example.com:8443", "wss", ""),
        ({"WS_HOST": "ws.example.com/live"}, "ws.example.com", "wss", "/live"),
        ({"SERVERS": {"p": {"host": "api.example.com"}}, "WS_HOST": "x"}, "api.example.com", "wss", ""),
        ({"SERVERS": {"p": {"host": "h", "protocol": "ws", "pathname": "/x/"}}}, "h", "ws", "/x"),
        ({"SERVERS": {"p": {"host": "wss://api.example.com/v1"}}}, "api.example.com", "wss", "/v1"),
    ],
)
def test_servers_come_from_the_settings_or_the_request(settings, host, protocol, pathname):
    """SERVERS before WS_HOST and WS_PROTOCOL, these before the request."""
    with spectacular(**settings):
        (server,) = SpectacularSettings.read().servers_at("here.example", secure=True, pathname="/base")
    assert (server.host, server.protocol, server.pathname) == (host, protocol, pathname)


def test_servers_keep_their_words_and_variables():
    """Their security is not taken: only a policy says that."""
    (server,) = servers_from(
        {"eu": {"host": "{zone}.example.com", "title": "EU", "variables": {"zone": {"default": "a"}}, "security": [{}]}}
    )
    assert (server.name, server.title, server.variables) == ("eu", "EU", {"zone": {"default": "a"}})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("text", "is a str; write a dict"),
        ({"SERVERS": ["api.example.com"]}, 'write {"production"'),
        ({"SERVERS": {"p": {"protocol": "wss"}}}, "server 'p' has no host"),
        ({"WS_PROTOCOL": "https"}, 'WS_PROTOCOL is \'https\'; write "wss" or "ws"'),
    ],
)
def test_settings_of_another_shape_say_what_to_write(settings, words):
    """As an error where they are used, and as a system check before that."""
    with override_settings(CHANNELS_SPECTACULAR_SETTINGS=settings):
        with pytest.raises(ConfigurationError, match=words):
            SpectacularSettings.read()
        (message,) = check_policy(None)
    assert message.id == "wsauth.E005"


@pytest.mark.parametrize(
    ("settings", "written"),
    [
        ({"AUTH_QUERY_PARAM": "jwt"}, ['Query("jwt")']),
        ({"AUTH_COOKIE_NAME": "access_token"}, ['Cookie("access_token")']),
        ({"AUTH_QUERY_PARAM": "token", "AUTH_COOKIE_NAME": "sessionid"}, ['Query("token")']),
        ({"TITLE": "Chat"}, []),
    ],
)
def test_settings_that_disagree_with_the_policy_are_a_finding(settings, written):
    """Each with the scheme to write, or to give up."""
    with override_settings(WSAUTH_POLICY="project.policies.good", CHANNELS_SPECTACULAR_SETTINGS=settings):
        messages = check_policy(None)
    assert [message.id for message in messages] == ["wsauth.W002"] * len(written)
    assert all(location in message.hint for location, message in zip(written, messages, strict=True))


def test_a_session_cookie_that_the_policy_does_not_take_is_written_so():
    """By its own location, whose name follows the settings."""
    found = SpectacularSettings(auth_cookie_name="sessionid").disagreements(Policy([QUERY, COOKIE]))
    assert list(found) == [("AUTH_COOKIE_NAME", "sessionid", "SessionCookie()")]
