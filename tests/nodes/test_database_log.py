"""The log is a table of the database, and there is no Redis: the same, by a look at the table."""

from __future__ import annotations

import asyncio
from typing import Any

from servers.client import all_of

from nodes.cluster import Client, Cluster, places
from nodes.test_fastapi import log_out
from nodes.test_signals import SCENARIOS

NAMES = ("log-out", "session deleted", "password changed", "user deleted", "DRF token deleted", "jti revoked")


async def test_socket_closes_within_a_second(pair: Cluster, client: Client, latencies: Any):
    """What was committed at one node ends the socket at the other, for good; the user comes back, and others stay."""
    at = places(pair, client, "/async/signals", "/sync/signals")
    ready = asyncio.Barrier(len(at) * len(NAMES))
    measured = await all_of(
        **{f"{where} {name}": SCENARIOS[name].play(place, ready) for where, place in at.items() for name in NAMES},
        **{
            f"{where} FastAPI log out": log_out(place) for where, place in places(pair, client, "/fastapi/echo").items()
        },
    )
    for name in (*NAMES, "FastAPI log out"):
        latencies(f"{name}, table", {where: seconds for where, seconds in measured.items() if where.endswith(name)})
