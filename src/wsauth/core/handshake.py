"""The opening handshake (RFC 6455 §4), read once from an ASGI scope. Nothing is trusted, nothing is verified here."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 §5.6.2


@dataclass(frozen=True, slots=True)
class Handshake:
    """What the client sent to open the connection.

    Query string and headers may hold credentials and are left out of `repr`. `subprotocols` is None where the
    client's offer is not a valid list of distinct tokens (RFC 6455 §4.1); an empty tuple where there was no offer.
    """

    path: str
    query_string: bytes = field(default=b"", repr=False)
    headers: tuple[tuple[bytes, bytes], ...] = field(default=(), repr=False)
    scheme: str = "ws"
    client: str = ""
    subprotocols: tuple[str, ...] | None = field(default=(), repr=False)

    @classmethod
    def from_scope(cls, scope: Mapping[str, Any]) -> Handshake:
        headers = tuple((bytes(name).lower(), bytes(value)) for name, value in scope.get("headers", ()))
        client = scope.get("client")
        return cls(
            path=scope.get("path", ""),
            query_string=bytes(scope.get("query_string", b"")),
            headers=headers,
            scheme=scope.get("scheme", "ws"),
            client=str(client[0]) if client else "",
            subprotocols=_offered(headers, scope.get("subprotocols") or ()),
        )

    def header(self, name: bytes) -> list[bytes]:
        """All lines of the header, in order; `name` in lower case."""
        return [value for key, value in self.headers if key == name]

    @property
    def is_secure(self) -> bool:
        """Whether the client is known, or claimed by a proxy, to use TLS.

        A forwarded header is not trusted here, and need not be: believing it can only demand an https Origin where
        http would have passed.
        """
        if self.scheme in ("wss", "https"):
            return True
        forwarded = b",".join(self.header(b"x-forwarded-proto")).lower()
        if b"https" in forwarded or b"wss" in forwarded:
            return True
        return b"proto=https" in b",".join(self.header(b"forwarded")).lower().replace(b'"', b"")


def _offered(headers: tuple[tuple[bytes, bytes], ...], from_server: Any) -> tuple[str, ...] | None:
    """The offered subprotocols, from the raw lines: granian hands on the whole list as one string."""
    lines = [value.decode("latin-1") for key, value in headers if key == b"sec-websocket-protocol"]
    names = [name.strip(" \t") for line in lines for name in line.split(",")] if lines else list(from_server)
    if all(is_token(name) for name in names) and len(set(names)) == len(names):
        return tuple(names)
    return None


def is_token(name: str) -> bool:
    """Whether `name` is a token of RFC 9110 §5.6.2, as header and subprotocol names must be."""
    return _TOKEN.fullmatch(name) is not None
