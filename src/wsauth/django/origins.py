"""Channels' origin validators, with their patterns, for an `asgi.py` that names them.

They answer every handshake: what Channels' own raise for (a malformed origin) or overlook (a second one) is denied. New
code needs neither, as a policy checks the Origin first of all.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from wsauth.asgi.log import Lines, shown
from wsauth.core.errors import ConfigurationError
from wsauth.core.hosts import host_matches
from wsauth.core.origins import Origin, parse_host, parse_origin
from wsauth.core.reasons import Reason
from wsauth.core.verifier import is_async
from wsauth.django.scope import DjangoScope

if TYPE_CHECKING:
    from wsauth.asgi.types import ASGIApp, Receive, Scope, Send

logger = logging.getLogger("wsauth")

# Well-formed, and no page of anybody's: a sandboxed frame (RFC 6454 §7.1), and a file in an Android web view.
_OPAQUE = ("null", "file://")


class OriginValidator:
    """Let a WebSocket pass only if its Origin matches one of the patterns; http scopes pass.

    A pattern is `scheme://host[:port]`, where a missing port is the scheme's own, or `host[:port]` for any scheme and,
    without a port, any port. A host that starts with a dot stands for the domain and all below. "*" lets everything pass, a
    missing Origin and `null` included; without it a missing Origin is denied, and native clients with it.

    It only narrows: a stack inside it still asks its own rule, which knows scheme and port where a pattern may not. Pages of
    another host are named there: `AuthMiddlewareStack(..., origins=Origins("https://app.example.com"))`.
    """

    def __init__(self, application: ASGIApp, allowed_origins: Iterable[str] | Callable[[], Iterable[str]]) -> None:
        if not callable(application):
            raise ConfigurationError("OriginValidator(application, allowed_origins): the application comes first")
        self.application = application
        self._lines = Lines()
        self.allowed_origins = allowed_origins if callable(allowed_origins) else _listed(allowed_origins)
        if is_async(allowed_origins):
            raise ConfigurationError("OriginValidator: allowed_origins is an async function; write a plain `def`")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            origins = [bytes(value) for name, value in scope.get("headers", ()) if bytes(name).lower() == b"origin"]
            if not self._admits([origin.decode("latin-1") for origin in origins]):
                await self._deny(b", ".join(origins), receive, send)
                return
        running = self.application(scope, receive, send)
        del scope  # error reporters print the locals of every frame that an exception passes
        await running

    def _admits(self, presented: Sequence[str]) -> bool:
        allowed = self.allowed_origins() if callable(self.allowed_origins) else self.allowed_origins
        patterns = [pattern.lower() for pattern in allowed]
        if not presented:
            return "*" in patterns
        origin = parse_origin(presented[0])
        if len(presented) > 1 or (origin is None and presented[0].lower() not in _OPAQUE):
            return False
        return "*" in patterns or (origin is not None and any(_matches(origin, pattern) for pattern in patterns))

    async def _deny(self, origin: bytes, receive: Receive, send: Send) -> None:
        if self._lines.admits(Reason.FOREIGN_ORIGIN, logging.WARNING):
            logger.warning("OriginValidator: Origin %s is not allowed; if the page is yours, add it", shown(origin))
        if (await receive())["type"] == "websocket.connect":
            await send({"type": "websocket.close"})


def AllowedHostsOriginValidator(application: ASGIApp) -> OriginValidator:
    """Return an OriginValidator for the ALLOWED_HOSTS of the settings, read at each handshake."""
    return OriginValidator(application, DjangoScope().allowed_hosts)


def _listed(allowed_origins: object) -> list[str]:
    if isinstance(allowed_origins, str):
        raise ConfigurationError(
            f"OriginValidator(application, {allowed_origins!r}): write a list, [{allowed_origins!r}]"
        )
    patterns: list[Any] = list(allowed_origins) if isinstance(allowed_origins, Iterable) else [None]
    if not all(isinstance(pattern, str) for pattern in patterns):
        raise ConfigurationError(
            f"OriginValidator(application, {allowed_origins!r}): write a list of texts, as ['https://app.example.com']"
        )
    return patterns


def _matches(origin: Origin, pattern: str) -> bool:
    """Whether an origin matches a pattern. A pattern that cannot be read matches nothing."""
    scheme, separator, rest = pattern.rpartition("://")
    authority = rest.partition("/")[0]
    name = authority.removeprefix(".")
    wanted = parse_origin(f"{scheme}://{name}") if separator else parse_host(name, "")
    if wanted is None:
        return False
    scheme, host, port = wanted
    same_port = port == origin[2] or (port is None and not separator)
    dot = "." if authority != name else ""
    return host_matches(origin[1], dot + host) and scheme in ("", origin[0]) and same_port
