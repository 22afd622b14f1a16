"""Server processes that share a database and a log: HTTP goes to one of them, the WebSocket to another."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
from servers.configurations import CONFIGURATIONS
from servers.process import TESTS, Server

TARGET = "nodes.apps.serve:application"
Client = httpx.AsyncClient  # which keeps no cookies here: each user brings their own


class Cluster:
    """One node for each server configuration, in a ring: each node's WebSockets are ended over HTTP at the next."""

    def __init__(self, names: list[str], log: str, directory: Path, *options: str) -> None:
        self.environment = {
            "DJANGO_SETTINGS_MODULE": "nodes.apps.settings",
            "NODES_DATABASE": str(directory / "db.sqlite3"),
            "NODES_LOG": log,
        }
        migrated = self.manage("migrate", "--verbosity", "0")
        assert migrated.returncode == 0, migrated.stderr
        self.nodes = {name: self._start(name, directory, options) for name in names}

    def _start(self, name: str, directory: Path, options: tuple[str, ...]) -> Server:
        configuration = CONFIGURATIONS[name]
        command = tuple(part.replace("{target}", TARGET) for part in configuration.command)
        return Server(replace(configuration, command=(*command, *options)), directory, self.environment)

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a management command in a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", "django", *arguments],
            cwd=TESTS,
            env=os.environ
            | self.environment
            | {"PYTHONPATH": f"{TESTS}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
            capture_output=True,
            text=True,
            timeout=300,
        )

    async def wait_until_ready(self) -> None:
        await asyncio.gather(*(node.wait_until_ready() for node in self.nodes.values()))

    def pair(self, name: str) -> tuple[Server, Server]:
        """Return the node that is asked over HTTP, and the one of this name, which holds the WebSockets."""
        names = list(self.nodes)
        return self.nodes[names[(names.index(name) + 1) % len(names)]], self.nodes[name]

    def stop(self) -> None:
        for node in self.nodes.values():
            node.process.terminate()
        for node in self.nodes.values():
            node.stop()


@dataclass(frozen=True)
class Done:
    """What an HTTP action answered. `committed` is a moment of the monotonic clock."""

    committed: float
    result: Any
    cookie: str


@dataclass(frozen=True)
class Place:
    """Where a scenario is played: HTTP at one node, WebSockets of one application under one policy at another."""

    http: Server
    sockets: Server
    path: str
    client: Client

    async def do(self, action: str, *, cookie: str = "", **arguments: str) -> Done:
        response = await self.client.post(
            f"{self.http.origin}/{action}", params=arguments, headers={"cookie": cookie} if cookie else {}
        )
        assert response.status_code == 200, (self.http.name, action, response.text[-2000:])
        body = json.loads(response.content)
        body = body if isinstance(body, dict) else {"result": body}
        cookies = "; ".join(f"{name}={value}" for name, value in response.cookies.items())
        return Done(body.get("committed", 0.0), body.get("result", body), cookies)


def places(cluster: Cluster, client: Client, *paths: str) -> dict[str, Place]:
    """Return every node with each of these paths, by a name for messages."""
    return {f"{name} {path}": Place(*cluster.pair(name), path, client) for name in cluster.nodes for path in paths}
