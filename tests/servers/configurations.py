"""The six server configurations that wsauth is tested on, and what each of them cannot do."""

from __future__ import annotations

import sys
from dataclasses import dataclass

TARGET = "servers.apps.serve:application"


@dataclass(frozen=True)
class Configuration:
    """How to start a server, and how it differs from ASGI as it is written."""

    name: str
    command: tuple[str, ...]
    denies_with_status: bool = True  # the extension "websocket.http.response"
    sends_close_reason: bool = True
    has_lifespan: bool = True
    tells_client_code: int = 0  # what the application is told instead of the code that the client closed with
    codes_at_shutdown: frozenset[int] = frozenset({1006})  # what clients read; 1006 is a transport that just goes away
    exit_code: int = 0  # after SIGTERM

    def arguments(self, port: int) -> list[str]:
        return [sys.executable, "-m", *(part.format(port=port, target=TARGET) for part in self.command)]


def _uvicorn(implementation: str) -> Configuration:
    bind = ("--host", "127.0.0.1", "--port", "{port}")
    command = ("uvicorn", "{target}", "--ws", implementation, *bind)
    return Configuration(f"uvicorn-{implementation}", command, codes_at_shutdown=frozenset({1012}), exit_code=-15)


CONFIGURATIONS = {
    configuration.name: configuration
    for configuration in (
        _uvicorn("websockets"),
        _uvicorn("websockets-sansio"),
        _uvicorn("wsproto"),
        Configuration(
            "daphne",
            ("daphne", "-b", "127.0.0.1", "-p", "{port}", "{target}"),
            denies_with_status=False,
            sends_close_reason=False,
            has_lifespan=False,
        ),
        Configuration(
            "hypercorn",
            ("hypercorn", "-b", "127.0.0.1:{port}", "--access-logfile", "-", "--error-logfile", "-", "{target}"),
            tells_client_code=1006,
            codes_at_shutdown=frozenset({1011}),
        ),
        Configuration(
            "granian",
            ("granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", "{port}", "--access-log", "{target}"),
            codes_at_shutdown=frozenset({1000, 1006}),
        ),
    )
}
