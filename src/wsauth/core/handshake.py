"""The opening handshake (RFC 6455 §4), read once from an ASGI scope. Nothing is trusted, nothing is verified here."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 §5.6.2
_TLS = ("https", "wss")
MAX_OFFERS = 100  # subprotocols: splitting and comparing takes time


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
    _lines: dict[bytes, list[bytes]] = field(init=False, repr=False, compare=False)  # the headers by their names
    judged: dict[int, Any] = field(init=False, repr=False, compare=False, default_factory=dict)  # by id of Origin rule

    def __post_init__(self) -> None:
        lines: dict[bytes, list[bytes]] = {}
        for name, value in self.headers:
            lines.setdefault(name, []).append(value)
        object.__setattr__(self, "_lines", lines)

    @classmethod
    def from_scope(cls, scope: Mapping[str, Any]) -> Handshake:
        headers = tuple([(bytes(name).lower(), bytes(value)) for name, value in scope.get("headers", ())])
        client = scope.get("client")
        offered = offered_subprotocols(scope) if scope.get("subprotocols") or _offers(headers) else ()
        return cls(
            scope.get("path", ""),
            bytes(scope.get("query_string", b"")),
            headers,
            scope.get("scheme", "ws"),
            str(client[0] or "") if client else "",
            offered if _are_distinct_tokens(offered) else None,
            offered,
        )

    def header(self, name: bytes) -> list[bytes]:
        """Return the values of all lines of the header, in order. Its name is compared without case (RFC 9110 §5.1)."""
        return list(self._lines.get(name.lower(), ()))

    @property
    def is_secure(self) -> bool:
        """Whether the client is known, or claimed by a proxy, to use TLS.

        A forwarded header is not trusted here, and need not be: believing it can only demand an https Origin where
        http would have passed.
        """
        if self.scheme in _TLS:
            return True
        if b"x-forwarded-proto" not in self._lines and b"forwarded" not in self._lines:
            return False
        proto = b",".join(self.header(b"x-forwarded-proto")).lower()
        forwarded = b",".join(self.header(b"forwarded")).lower().replace(b'"', b"")  # RFC 7239 §5.4
        return any(tls.encode() in proto or b"proto=" + tls.encode() in forwarded for tls in _TLS)


def offered_subprotocols(scope: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the offered subprotocols, from the raw lines: granian hands on the whole list as one string.

    Of a line with more than `MAX_OFFERS` the rest stays in one piece, which is no name. Test clients send no header, and
    give the server's list only.
    """
    lines = [bytes(value).decode("latin-1") for name, value in scope.get("headers", ()) if _is_offer(name)]
    return tuple(
        [name.strip(" \t") for line in lines or scope.get("subprotocols") or () for name in line.split(",", MAX_OFFERS)]
    )


def distinct_subprotocols(scope: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the offered subprotocols, none where they are no valid list."""
    offered = offered_subprotocols(scope)
    return offered if _are_distinct_tokens(offered) else ()


def _offers(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return b"sec-websocket-protocol" in [name for name, _ in headers]


def _is_offer(name: bytes) -> bool:
    return len(name) == 22 and bytes(name).lower() == b"sec-websocket-protocol"


def _are_distinct_tokens(names: tuple[str, ...]) -> bool:
    return not names or (all(map(is_token, names)) and len(set(names)) == len(names))


def is_token(name: object) -> bool:
    """Whether `name` is a token of RFC 9110 §5.6.2, as header and subprotocol names must be."""
    return isinstance(name, str) and _TOKEN.fullmatch(name) is not None
