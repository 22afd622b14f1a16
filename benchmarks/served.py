"""The application that uvicorn and daphne serve. Any HTTP request ends everybody's connections, and says when that began."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

from benchmarks.configuration import Configuration, set_up
from benchmarks.subjects import GROUP, build

logging.disable(logging.ERROR)
configuration = Configuration.of_environment()
set_up(configuration)
websocket = build(configuration)


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await websocket(scope, receive, send)
    elif scope["type"] == "http":
        began = time.monotonic()
        await _end_everybody()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps({"began": began}).encode()})


async def _end_everybody() -> None:
    policy = getattr(websocket, "policy", None)
    if policy is not None:
        await policy.connections.revoke(subject="everybody")
        return
    from channels.layers import get_channel_layer

    await get_channel_layer().group_send(GROUP, {"type": "log.out"})
