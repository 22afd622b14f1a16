"""What the servers run: every application by the first segment of the path, and routes to ask and to meddle."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from channels.layers import get_channel_layer

import wsauth
from servers.apps import consumers, endpoints
from servers.apps.policies import POLICIES
from servers.apps.visits import verified, visits
from wsauth import Connection
from wsauth.core import ration

ration.LINES = 10_000  # the tests of a server look for the line of each refusal, and are many in a few seconds
logging.basicConfig(level=logging.INFO)

SOURCE = str(Path(wsauth.__file__).parent)
pushing: set[asyncio.Task[None]] = set()

BUILDERS = {
    "async": lambda policy: consumers.application(consumers.AsyncConsumer, policy),
    "sync": lambda policy: consumers.application(consumers.SyncConsumer, policy),
}
applications: dict[str, Any] = {
    name: BUILDERS.get(name.partition("-")[0], endpoints.application)(policy) for name, policy in POLICIES.items()
}
main = applications["fastapi"]


@main.get("/control/ready")
async def ready() -> dict[str, Any]:
    return {"lifespan": endpoints.lifespans}


@main.get("/control/visit/{name}")
async def visit(name: str) -> dict[str, Any] | None:
    return asdict(visits[name]) if name in visits else None


@main.get("/control/verified/{subject}")
async def times_verified(subject: str) -> int:
    return verified.get(subject, 0)


@main.get("/control/visits")
async def number_of_visits() -> int:
    return len(visits)


@main.get("/control/left")
async def left() -> dict[str, Any]:
    """Say what is still there of any connection: nothing, when all clients have gone."""
    gc.collect()
    frames = (getattr(task.get_coro(), "cr_code", None) for task in asyncio.all_tasks())
    return {
        "running": [name for name, visit in visits.items() if visit.running],
        "registered": {name: len(policy.connections) for name, policy in POLICIES.items() if policy.connections},
        "connections": sum(type(each) is Connection for each in gc.get_objects()),
        "tasks": [code.co_qualname for code in frames if code and code.co_filename.startswith(SOURCE)],
    }


@main.post("/control/revoke/{subject}")
async def revoke(subject: str) -> int:
    return sum([(await policy.connections.revoke(subject=subject)).closed for policy in POLICIES.values()])


@main.post("/control/push/{name}")
async def push(name: str) -> None:
    """Send to the consumer's group until it has gone."""

    async def ticks() -> None:
        while visits[name].running:
            await get_channel_layer().group_send(name, {"type": "tick"})
            await asyncio.sleep(0.05)

    task = asyncio.create_task(ticks())
    pushing.add(task)
    task.add_done_callback(pushing.discard)


@main.post("/control/stall/{milliseconds}")
async def stall(milliseconds: int) -> None:
    time.sleep(milliseconds / 1000)  # the event loop stands still, as under a blocking call


async def application(scope: Any, receive: Any, send: Any) -> None:
    segment = scope["path"].split("/")[1] if scope["type"] == "websocket" and "/" in scope["path"] else ""
    await applications.get(segment, main)(scope, receive, send)
