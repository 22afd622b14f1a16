"""Channels' origin validators, with their patterns, for an `asgi.py` that names them.

They answer every handshake: what Channels' own raise for (a malformed origin) or overlook (a second one) is denied. New
code needs neither, as a policy checks the Origin first of all.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from wsauth.asgi.log import shown
from wsauth.core.errors import ConfigurationError
from wsauth.core.origins import Origin, OriginVerdict, host_matches, parse_host, parse_origin
from wsauth.django.scope import DjangoScope

if TYPE_CHECKING:
    from wsauth.asgi.types import ASGIApp, Receive, Scope, Send
    from wsauth.core.handshake import Handshake

logger = logging.getLogger("wsauth")

# A validator leaves this in the scope for the drop-in stacks inside it, where a pattern names the Origin: "*" names nobody,
# and leaves the cookie to the stack's own rule. Clients cannot: what they send is in the headers.
ADMITTED = "wsauth.origin_admitted"

# Well-formed, and no page of anybody's: a sandboxed frame (RFC 6454 §7.1), and a file in an Android web view.
_OPAQUE = ("null", "file://")


class OriginValidator:
    """Let a WebSocket pass only if its Origin matches one of the patterns; http scopes pass.

    A pattern is `scheme://host[:port]`, where a missing port is the scheme's own, or `host[:port]` for any scheme and,
    without a port, any port. A host that starts with a dot stands for the domain and all below. "*" lets everything pass, a
    missing Origin and `null` included; without it a missing Origin is denied, and native clients with it.
    """

    def __init__(self, application: ASGIApp, allowed_origins: Iterable[str] | Callable[[], Iterable[str]]) -> None:
        if isinstance(allowed_origins, str):
            raise ConfigurationError(
                f"OriginValidator(application, {allowed_origins!r}): write a list, [{allowed_origins!r}]"
            )
        self.application = application
        self.allowed_origins = allowed_origins if callable(allowed_origins) else list(allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            origins = [bytes(value) for name, value in scope.get("headers", ()) if bytes(name).lower() == b"origin"]
            is_admitted, is_named = self._judge([origin.decode("latin-1") for origin in origins])
            if not is_admitted:
                await self._deny(b", ".join(origins), receive, send)
                return
            if is_named:
                scope[ADMITTED] = True  # not in a copy: query credentials are taken out of the server's own scope
        running = self.application(scope, receive, send)
        del scope  # error reporters print the locals of every frame that an exception passes
        await running

    def _judge(self, presented: Sequence[str]) -> tuple[bool, bool]:
        """Say whether the Origin is admitted, and whether by a pattern that names it rather than by "*"."""
        allowed = self.allowed_origins() if callable(self.allowed_origins) else self.allowed_origins
        patterns = [pattern.lower() for pattern in allowed]
        if not presented:
            return "*" in patterns, False
        origin = parse_origin(presented[0])
        if len(presented) > 1 or (origin is None and presented[0].lower() not in _OPAQUE):
            return False, False
        is_named = origin is not None and any(_matches(origin, pattern) for pattern in patterns)
        return is_named or "*" in patterns, is_named

    async def _deny(self, origin: bytes, receive: Receive, send: Send) -> None:
        logger.warning("OriginValidator: Origin %s is not allowed; if the page is yours, add it", shown(origin))
        if (await receive())["type"] == "websocket.connect":
            await send({"type": "websocket.close"})


class AdmittedOutside:
    """The Origin rule of a drop-in stack inside one of these validators: it has judged the Origin already."""

    def check(self, handshake: Handshake) -> OriginVerdict:
        return OriginVerdict.ALLOWED


def AllowedHostsOriginValidator(application: ASGIApp) -> OriginValidator:
    """Return an OriginValidator for the ALLOWED_HOSTS of the settings, read at each handshake."""
    return OriginValidator(application, DjangoScope().allowed_hosts)


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
