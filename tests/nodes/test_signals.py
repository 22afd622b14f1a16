"""What Django tells of: the socket closes at another node within a second of the commit, and nobody else's does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from servers.client import all_of

from nodes.cluster import Client, Cluster, places
from nodes.scenario import Scenario

SCENARIOS = {
    "log-out": Scenario("session", "log_out"),
    "session flushed": Scenario("session", "flush_session"),
    "session deleted": Scenario("session", "delete_session"),
    "password changed": Scenario("session", "set_password", ends_all=True, password="second"),
    "deactivated": Scenario("session", "deactivate", ends_all=True, undo="reactivate"),
    "user deleted": Scenario("session", "delete_user", ends_all=True, undo=None),
    "user deleted, simplejwt": Scenario("access", "delete_user", ends_all=True, undo=None),
    "DRF token deleted": Scenario("drf", "delete_token"),
    "DRF token proxy deleted": Scenario("drf", "delete_token_proxy"),
    "password changed, simplejwt": Scenario("access", "set_password", ends_all=True, password="second"),
    "simplejwt blacklisted": Scenario("sliding", "blacklist", "token"),
    "jti revoked": Scenario("jwt", "revoke_token", "jti"),
}


@pytest.mark.parametrize("name", SCENARIOS)
async def test_socket_closes_within_a_second(ring: Cluster, client: Client, latencies: Any, name: str):
    """What was done at one node ends the socket at another, for good; the user comes back, and others stay."""
    at = places(ring, client, "/async/signals", "/sync/signals")
    ready = asyncio.Barrier(len(at))
    measured = await all_of(**{where: SCENARIOS[name].play(place, ready) for where, place in at.items()})
    latencies(name, measured)
