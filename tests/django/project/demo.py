"""Run in a process of its own: the demo on Channels. Prints its document, warnings and schemes, and one scope, as JSON."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any


def scope_after_a_handshake(application: Any) -> dict[str, str]:
    """What a server would log of a handshake with a token in its query, for each door."""
    found = {}

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None: ...

    for path in ("/ws/notifications/", "/ws/tokens/notifications/"):
        scope = {"type": "websocket", "path": path, "query_string": b"a=1&token=secret", "headers": []}
        asyncio.run(application(scope, receive, send))
        found[path] = scope["query_string"].decode()
    return found


def main() -> None:
    import django

    django.setup()
    from django.test import Client

    from channels_demo import auth
    from channels_demo.asgi import application
    from wsauth.asyncapi import Server
    from wsauth.django import describe

    warnings: list[str] = []
    policies = (auth.tokens_only, auth.first_message, auth.policy)
    told = {
        "document": describe(servers=[Server("demo", "127.0.0.1:8000", "ws")], warn=warnings.append),
        "warnings": warnings,
        "schemes": sorted({scheme.name for policy in policies for scheme in policy.schemes}),
        "config": Client().get("/asyncapi/?file=config.json", headers={"host": "localhost"}).json(),
        "queries": scope_after_a_handshake(application),
    }
    print(json.dumps(told))  # noqa: T201


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[3] / "examples"))
    os.environ["DJANGO_SETTINGS_MODULE"] = "channels_demo.settings"
    with tempfile.TemporaryDirectory() as directory:
        os.environ["WSAUTH_DEMO_DATA"] = directory
        main()
