"""What every node runs: Django with Channels, and FastAPI, by the first segment of the path."""

from __future__ import annotations

import json
import logging
from typing import Any

from django.core.asgi import get_asgi_application

logging.basicConfig(level=logging.INFO)
django = get_asgi_application()

from nodes.apps import consumers, fast  # noqa: E402 - they import models


async def application(scope: Any, receive: Any, send: Any) -> None:
    segment = scope["path"].split("/")[1] if scope["type"] in ("http", "websocket") else "fastapi"
    if segment == "control":
        await _ready(send)
    elif segment == "fastapi":
        await fast.app(scope, receive, send)
    elif scope["type"] == "websocket":
        await consumers.application(scope, receive, send)
    else:
        await django(scope, receive, send)


async def _ready(send: Any) -> None:
    body = json.dumps("ready").encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
