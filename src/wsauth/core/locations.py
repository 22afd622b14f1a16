"""Where a credential travels in the handshake: query, header, cookie, subprotocol.

Each location reads strictly (present but irregular is `Reason.MALFORMED`, never skipped) and knows how to take its
credential out of a scope, so that the application and the server's log never see it. `FirstMessage` has a file of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable
from urllib.parse import unquote_to_bytes

from wsauth.core.credentials import Credentials
from wsauth.core.errors import ConfigurationError, InvalidCredentials
from wsauth.core.handshake import is_token
from wsauth.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

    from wsauth.core.handshake import Handshake

MAX_SECRET = 8192  # bytes; a JWT of that size does not fit the request head that most servers accept
_B64TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")  # RFC 6750 §2.1
_BAD_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")


@runtime_checkable
class Location(Protocol):
    """A place in the handshake.

    `ambient` is whether a browser sends the credential by itself, and so for any page that asks (CSWSH): such a
    credential is verified only for an allowed Origin.
    """

    @property
    def ambient(self) -> bool: ...

    def read(self, handshake: Handshake) -> Credentials | None:
        """Return the credential, or None where there is none. Raise InvalidCredentials where it is irregular."""

    def strip(self, scope: MutableMapping[str, Any]) -> None:
        """Take the credential out of an ASGI scope."""


def malformed(detail: str) -> InvalidCredentials:
    return InvalidCredentials(detail, Reason.MALFORMED)


def credentials(secret: str, where: str) -> Credentials:
    """Wrap a secret that is visible ASCII of a sane size; anything else is malformed."""
    if not secret:
        raise malformed(f"{where} is empty")
    if len(secret) > MAX_SECRET:
        raise malformed(f"{where} is longer than {MAX_SECRET} bytes")
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        raise malformed(f"{where} holds characters other than visible ASCII")
    return Credentials(secret)


@dataclass(frozen=True, slots=True)
class Query:
    """A query parameter: `?token=…`. The only explicit place that every browser API and every client can reach.

    It is read once: twice the same name is malformed (RFC 6749 §3.1).
    """

    name: str = "token"
    ambient: ClassVar[bool] = False

    def read(self, handshake: Handshake) -> Credentials | None:
        values = [value for name, value in self._pairs(handshake.query_string) if name == self.name]
        if not values:
            return None
        if len(values) > 1:
            raise malformed(f"query parameter {self.name!r} is given {len(values)} times")
        if _BAD_PERCENT.search(values[0]):
            raise malformed(f"query parameter {self.name!r} is not percent-encoded correctly")
        return credentials(_unquote(values[0]), f"query parameter {self.name!r}")

    def strip(self, scope: MutableMapping[str, Any]) -> None:
        query = bytes(scope.get("query_string", b""))
        if any(name == self.name for name, _ in self._pairs(query)):
            kept = [part for part in query.split(b"&") if _name(part) != self.name]
            scope["query_string"] = b"&".join(kept)

    @staticmethod
    def _pairs(query: bytes) -> Iterator[tuple[str, bytes]]:
        for part in query.split(b"&"):
            yield _name(part), part.partition(b"=")[2]


def _name(part: bytes) -> str:
    return _unquote(part.partition(b"=")[0])


def _unquote(value: bytes) -> str:
    if b"%" in value or b"+" in value:
        value = unquote_to_bytes(value.replace(b"+", b" "))
    return value.decode("latin-1")


@dataclass(frozen=True, slots=True)
class Header:
    """A request header: `Header()` is `Authorization: Bearer …`, `Header("X-API-Key")` a plain one.

    `scheme` is the HTTP authentication scheme, compared without case (RFC 9110 §11.1); an Authorization header of another
    scheme is not this credential. Browsers cannot set headers on a WebSocket.
    """

    name: str = "Authorization"
    scheme: str | None = None
    ambient: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not is_token(self.name):
            raise ConfigurationError(f"Header: {self.name!r} is no header name; write Header('X-API-Key')")
        if self.name.lower() == "cookie":
            raise ConfigurationError("Header('Cookie') would ignore the Origin; write Cookie('name of the cookie')")
        if self.scheme is None and self._key == b"authorization":
            object.__setattr__(self, "scheme", "Bearer")

    @property
    def _key(self) -> bytes:
        return self.name.lower().encode("ascii")

    def read(self, handshake: Handshake) -> Credentials | None:
        lines = handshake.header(self._key)
        if not lines:
            return None
        if len(lines) > 1:
            raise malformed(f"header {self.name} is given {len(lines)} times")
        value = lines[0].decode("latin-1").strip(" \t")
        if self.scheme is not None:
            return self._after_scheme(value)
        if "," in value:
            raise malformed(f"header {self.name} holds a comma: some servers join repeated headers so")
        return credentials(value, f"header {self.name}")

    def _after_scheme(self, value: str) -> Credentials | None:
        assert self.scheme is not None
        scheme, _, rest = value.partition(" ")
        if scheme.lower() != self.scheme.lower():
            if not value or scheme.lower().startswith(self.scheme.lower() + "\t"):
                raise malformed(f"header {self.name} is empty or holds a tab after its scheme")
            return None
        secret = rest.lstrip(" ")
        if not _B64TOKEN.fullmatch(secret):
            raise malformed(f"header {self.name} is not '{self.scheme} <token>' (RFC 6750 §2.1)")
        return credentials(secret, f"header {self.name}")

    def strip(self, scope: MutableMapping[str, Any]) -> None:
        scope["headers"] = [pair for pair in scope.get("headers", ()) if bytes(pair[0]).lower() != self._key]


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie that holds a credential, such as a JWT. Browsers send it for every page, so the Origin must be allowed."""

    name: str
    ambient: ClassVar[bool] = True

    def read(self, handshake: Handshake) -> Credentials | None:
        return read_cookie(handshake, self.name)

    def strip(self, scope: MutableMapping[str, Any]) -> None:
        """Cookies stay: the application sees the same ones over HTTP."""


def read_cookie(handshake: Handshake, name: str) -> Credentials | None:
    """Read one cookie (RFC 6265 §5.4) whatever its neighbours look like, over several Cookie lines (RFC 9113 §8.2.3).

    One name with two values is malformed: a sibling domain can plant the second (cookie tossing).
    """
    values = {
        value.strip(" \t")
        for line in handshake.header(b"cookie")
        for key, separator, value in (part.partition("=") for part in line.decode("latin-1").split(";"))
        if separator and key.strip(" \t") == name
    }
    if not values:
        return None
    if len(values) > 1:
        raise malformed(f"cookie {name!r} is given with different values")
    value = values.pop()
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = value[1:-1]
    return credentials(value, f"cookie {name!r}")


@dataclass(frozen=True, slots=True)
class Subprotocol:
    """A pair in Sec-WebSocket-Protocol: `new WebSocket(url, ["bearer", token])`.

    `marker` announces the credential, which follows it. The answer names the marker, or a subprotocol of the
    application's own; the credential is never echoed.
    """

    marker: str = "bearer"
    ambient: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not is_token(self.marker):
            raise ConfigurationError(f"Subprotocol: the marker {self.marker!r} must be a token (RFC 9110 §5.6.2)")

    def read(self, handshake: Handshake) -> Credentials | None:
        offered = handshake.subprotocols
        if offered is None:
            lines = b",".join(handshake.header(b"sec-websocket-protocol"))
            if self.marker.encode() in (name.strip() for name in lines.split(b",")):
                raise malformed("Sec-WebSocket-Protocol is not a list of distinct tokens")
            return None
        if self.marker not in offered:
            return None
        after = offered.index(self.marker) + 1
        if after == len(offered):
            raise malformed(f"subprotocol {self.marker!r} is not followed by a credential")
        return credentials(offered[after], "subprotocol")

    def strip(self, scope: MutableMapping[str, Any]) -> None:
        from wsauth.core.handshake import Handshake

        offered = Handshake.from_scope(scope).subprotocols
        if offered is None:
            kept: tuple[str, ...] = ()  # not a list that anyone could choose from, and it may hold the credential
        elif self.marker in offered:
            at = offered.index(self.marker)
            kept = offered[:at] + offered[at + 2 :]
        else:
            return
        offer_subprotocols(scope, kept)


def offer_subprotocols(scope: MutableMapping[str, Any], names: tuple[str, ...]) -> None:
    """Let a scope offer exactly `names`, in its list and in its headers."""
    scope["subprotocols"] = list(names)
    headers = [pair for pair in scope.get("headers", ()) if bytes(pair[0]).lower() != b"sec-websocket-protocol"]
    if names:
        headers.append((b"sec-websocket-protocol", ", ".join(names).encode("ascii")))
    scope["headers"] = headers
