"""Handshakes as a server would hand them on, in one line. Nothing here checks anything."""

from __future__ import annotations

from typing import Any

from wsauth.core.credentials import Credentials
from wsauth.core.errors import InvalidCredentials
from wsauth.core.handshake import Handshake
from wsauth.core.reasons import Reason


def scope_of(*headers: tuple[str | bytes, str | bytes], query: str | bytes = b"", **more: Any) -> dict[str, Any]:
    """A WebSocket scope with these header lines, in this order."""
    return {
        "type": "websocket",
        "path": "/ws",
        "query_string": _bytes(query),
        "headers": [(_bytes(name), _bytes(value)) for name, value in headers],
        "subprotocols": [],
        **more,
    }


def handshake_of(*headers: tuple[str | bytes, str | bytes], query: str | bytes = b"", **more: Any) -> Handshake:
    return Handshake.from_scope(scope_of(*headers, query=query, **more))


def read(location: Any, handshake: Handshake) -> str | Reason | None:
    """The secret that was read, None where there is none, or the reason why it is refused."""
    try:
        found = location.read(handshake)
    except InvalidCredentials as error:
        return error.reason
    assert found is None or isinstance(found, Credentials)
    return found.secret if found else None


def _bytes(text: str | bytes) -> bytes:
    return text.encode("latin-1") if isinstance(text, str) else text
