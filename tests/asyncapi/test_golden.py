from __future__ import annotations

import pytest

from asyncapi.policies import API_KEY, BEARER, COOKIE, FIRST, QUERY, SUBPROTOCOL, policy
from asyncapi.rides import consumer
from wsauth import Anonymous, CloseProfile
from wsauth.asyncapi import Application, Channel, Parameter, Server, documented

ACCEPT_OFFER = {
    "title": "AcceptOffer",
    "type": "object",
    "properties": {"ride_id": {"type": "string", "format": "uuid"}, "driver_id": {"type": "string", "format": "uuid"}},
    "required": ["ride_id", "driver_id"],
}


def rides(*policies, accept_offer=ACCEPT_OFFER):
    operations = documented(consumer(accept_offer), action_member="action", event_member="type")
    return Channel(address="/ws/dispatch/", title="Dispatch", policies=policies, operations=operations)


@pytest.mark.parametrize("perspective", ["application", "client"])
def test_a_dispatching_consumer(published, golden, perspective):
    """Dataclass, pydantic and plain payloads, replies, examples, a deprecated action."""
    application = Application(
        title="Dispatch API",
        description="Rides, live.",
        servers=(Server.from_url("production", "wss://api.example.com"),),
        channels=(rides(policy(QUERY, COOKIE)),),
    )
    golden(f"dispatch-{perspective}", published(application, perspective=perspective))


def test_a_project_that_knew_settings_only(published, golden):
    """No policy yet: the schemes of the settings are shown, and enforced by nobody."""
    declared = {
        "queryToken": {"type": "httpApiKey", "in": "query", "name": "token"},
        "cookieJWT": {"type": "httpApiKey", "in": "cookie", "name": "access_token"},
    }
    told = []
    golden("settings-only", published(Application(title="T", channels=(rides(),)), told=told, not_enforced=declared))
    assert len(told) == 1


def test_every_scheme_and_mode(published, golden):
    """One channel for each situation that a reader must be able to show."""
    parameters = (Parameter("room", "The room's slug", {"type": "string", "pattern": "^[-a-z0-9]+$"}),)
    everything = policy(QUERY, COOKIE, BEARER, API_KEY, SUBPROTOCOL, FIRST)
    lax = policy(QUERY, anonymous=Anonymous.IF_MISSING)
    channels = (
        Channel(address="/chat/{room}/", parameters=parameters, policies=(everything,)),
        Channel(address="/optional/", policies=(lax,)),
        Channel(address="/nested/", policies=(lax, policy(COOKIE, close_profile=CloseProfile.iana()))),
        Channel(address="/open/"),
    )
    application = Application(
        title="Every scheme", servers=(Server("local", "localhost:8000", "ws"),), channels=channels
    )
    golden("every-scheme", published(application, told=[], asyncapi="3.1.0"))
