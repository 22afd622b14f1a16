"""The opening handshake (RFC 6455 §4), read once from an ASGI scope. Nothing is trusted, nothing is verified here."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 §5.6.2
_TLS = ("https", "wss")


@dataclass(frozen=True, slots=True)
class Handshake:
    """What the client sent to open the connection.

    `path` is as it came. Routers take prefixes and slashes off before they match ("//admin" is "admin" to Channels), so what
    only some may reach needs a policy of its own, around it: comparing paths misses one.
    Query string and headers may hold credentials and are left out of `repr`. `subprotocols` is None where the
    client's offer is not a valid list of distinct tokens (RFC 6455 §4.1), and an empty tuple where there was no offer;
    `offered` is the offer as it came.
    """

    path: str
    query_string: bytes = field(default=b"", repr=False)
    headers: tuple[tuple[bytes, bytes], ...] = field(default=(), repr=False)
    scheme: str = "ws"
    client: str = ""
    subprotocols: tuple[str, ...] | None = field(default=(), repr=False)
    offered: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def from_scope(cls, scope: Mapping[str, Any]) -> Handshake:
        headers = tuple((bytes(name).lower(), bytes(value)) for name, value in scope.get("headers", ()))
        client = scope.get("client")
        offered = _offered(headers, scope.get("subprotocols") or ())
        return cls(
            path=scope.get("path", ""),
            query_string=bytes(scope.get("query_string", b"")),
            headers=headers,
            scheme=scope.get("scheme", "ws"),
            client=str(client[0] or "") if client else "",
            subprotocols=offered if _are_distinct_tokens(offered) else None,
            offered=offered,
        )

    def header(self, name: bytes) -> list[bytes]:
        """Return the values of all lines of the header, in order. Its name is compared without case (RFC 9110 §5.1)."""
        name = name.lower()
        return [value for key, value in self.headers if key == name]

    @property
    def is_secure(self) -> bool:
        """Whether the client is known, or claimed by a proxy, to use TLS.

        A forwarded header is not trusted here, and need not be: believing it can only demand an https Origin where
        http would have passed.
        """
        if self.scheme in _TLS:
            return True
        proto = b",".join(self.header(b"x-forwarded-proto")).lower()
        forwarded = b",".join(self.header(b"forwarded")).lower().replace(b'"', b"")  # RFC 7239 §5.4
        return any(tls.encode() in proto or b"proto=" + tls.encode() in forwarded for tls in _TLS)


def _offered(headers: Iterable[tuple[bytes, bytes]], from_server: Iterable[str]) -> tuple[str, ...]:
    """Return the offered subprotocols, from the raw lines: granian hands on the whole list as one string.

    Test clients send no header, and give the server's list only.
    """
    lines = [value.decode("latin-1") for key, value in headers if key == b"sec-websocket-protocol"]
    return tuple(name.strip(" \t") for line in lines or from_server for name in line.split(","))


def _are_distinct_tokens(names: tuple[str, ...]) -> bool:
    return all(map(is_token, names)) and len(set(names)) == len(names)


def is_token(name: object) -> bool:
    """Whether `name` is a token of RFC 9110 §5.6.2, as header and subprotocol names must be."""
    return isinstance(name, str) and _TOKEN.fullmatch(name) is not None
