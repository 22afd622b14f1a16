"""The document of a project, of single consumers, and before there is an application."""

from __future__ import annotations

import pytest
import yaml
from channels.routing import URLRouter
from django.test import override_settings
from django.urls import path
from project.asgi import QUERY, application
from project.dispatch import DispatchConsumer, NewsConsumer

from wsauth import Policy, WebSocketAuthMiddleware
from wsauth.django import AsyncAPIGenerator


def spectacular(**settings):
    return override_settings(CHANNELS_SPECTACULAR_SETTINGS=settings)


def test_a_consumer_brings_the_policy_that_guards_it(described):
    """Naming it does not say what guards it; the running application does."""
    with override_settings(ASGI_APPLICATION="project.asgi.application"), spectacular(CHANNEL_PATH="/elsewhere/"):
        written, warnings = described([DispatchConsumer])
    assert warnings == []
    (channel,) = written["channels"].values()
    assert channel["address"] == "/ws/dispatch/"
    assert channel["x-wsauth-security"]["schemes"] == ["queryToken", "cookieJWT"]


def test_an_address_of_ones_own_keeps_the_policy(described):
    """As behind a proxy that rewrites paths; a warning says what the application says."""
    written, warnings = described([(DispatchConsumer, "live/dispatch/")], application=application)
    assert [channel["address"] for channel in written["channels"].values()] == ["/live/dispatch/"]
    assert "x-wsauth-security" in written["channels"]["dispatch"]
    assert "routes DispatchConsumer at /ws/dispatch/" in warnings[0]


def test_the_same_address_in_other_words_is_the_applications(described):
    """Names in braces are only names."""
    routed = URLRouter([path("ws/<int:room>/", NewsConsumer.as_asgi())])
    written, _ = described([(NewsConsumer, "/ws/{name}/")], application=routed)
    assert [channel["address"] for channel in written["channels"].values()] == ["/ws/{room}/"]


def test_a_consumer_of_several_policies_at_another_address_is_guarded_by_nobody_knows(described):
    """Neither is a consumer that nothing routes, nor one before there is an application."""
    guarded = WebSocketAuthMiddleware(NewsConsumer.as_asgi(), Policy([QUERY]))
    routed = URLRouter([path("a/", guarded), path("b/", NewsConsumer.as_asgi())])
    for app, consumer, path_ in (
        (routed, NewsConsumer, "/c/"),
        (routed, DispatchConsumer, "/d/"),
        (None, NewsConsumer, "/e/"),
    ):
        written, warnings = described([(consumer, path_)], application=app)
        assert [channel["address"] for channel in written["channels"].values()] == [path_]
        assert any("what guards it is unknown" in warning for warning in warnings)
    assert any("the running application cannot be found" in warning for warning in warnings)


@pytest.mark.parametrize(("settings", "address"), [({}, "/"), ({"CHANNEL_PATH": "/ws/jobs/"}, "/ws/jobs/")])
def test_an_unrouted_consumer_is_at_the_channel_path(settings, address, described):
    """Or at the root."""
    with spectacular(**settings):
        written, _ = described([DispatchConsumer])
    assert [channel["address"] for channel in written["channels"].values()] == [address]


def test_the_generator_writes_the_same_document(referee):
    """For code that called it directly."""
    servers = {"prod": {"host": "api.example.com", "protocol": "wss"}}
    one = AsyncAPIGenerator(
        DispatchConsumer, info={"title": "D", "version": "1"}, servers=servers, channel_path="/ws/d/"
    )
    spec = one.get_spec()
    assert referee.complaints(spec) == []
    assert (spec["info"]["title"], spec["servers"]["prod"]["host"]) == ("D", "api.example.com")
    assert yaml.safe_load(one.get_yaml()) == spec
    both = AsyncAPIGenerator(consumers=[(DispatchConsumer, "/ws/d/"), (NewsConsumer, "/ws/n/")]).get_spec()
    assert list(both["channels"]) == ["d", "n"]
    with override_settings(ASGI_APPLICATION="project.asgi.application"):
        assert list(AsyncAPIGenerator().get_spec()["channels"]) == ["dispatch", "news"]
