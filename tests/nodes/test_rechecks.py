"""What nobody tells of: the socket closes once its store has been asked again, and nobody else's does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from servers.client import all_of

from nodes.apps.settings import RECHECK_EVERY
from nodes.cluster import Client, Cluster, places
from nodes.scenario import Scenario

INTERVAL = RECHECK_EVERY * 1.2  # seconds: each look is a fifth earlier or later

SCENARIOS = {
    "deactivated by update()": Scenario("session", "deactivate_silently", ends_all=True, undo="reactivate_silently"),
    "password set by update()": Scenario("session", "set_password_silently", ends_all=True, password="second"),
    "session row deleted": Scenario("session", "delete_session_silently"),
    "update(), DRF": Scenario("drf", "deactivate_silently", ends_all=True, undo="reactivate_silently"),
    "update(), simplejwt": Scenario("access", "set_password_silently", ends_all=True, password="second"),
    "update(), JWT": Scenario("jwt", "deactivate_silently", ends_all=True, undo="reactivate_silently"),
}


@pytest.mark.parametrize("application", ["async", "sync"])
async def test_socket_closes_within_the_interval(ring: Cluster, client: Client, latencies: Any, application: str):
    """A change that sends no signal ends the socket at the next look; who logs in again stays over further looks."""
    at = places(ring, client, f"/{application}/rechecks")
    ready = asyncio.Barrier(len(at) * len(SCENARIOS))
    measured = await all_of(
        **{
            f"{where} {name}": scenario.play(place, ready, settled=INTERVAL)
            for where, place in at.items()
            for name, scenario in SCENARIOS.items()
        }
    )
    for name in SCENARIOS:
        latencies(name, {where: seconds for where, seconds in measured.items() if where.endswith(name)})
