"""Where a credential travels in the handshake: query, header, cookie, subprotocol.

Each location reads strictly (present but irregular is `Reason.MALFORMED`, never skipped) and knows how to take its
credential out of a scope, so that the application and the server's log never see it. `FirstMessage` has a file of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from wsauth.core.ambient import is_ambient_header, is_nameless_header
from wsauth.core.errors import ConfigurationError
from wsauth.core.handshake import Handshake, is_token, offered_subprotocols
from wsauth.core.location import MAX_PARTS, MAX_SECRET, Location, credentials, is_visible, malformed, presents

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from wsauth.core.credentials import Credentials

__all__ = [
    "MAX_SECRET",
    "Cookie",
    "Header",
    "Location",
    "Query",
    "Subprotocol",
    "credentials",
    "malformed",
    "offer_subprotocols",
    "read_cookie",
    "strip_cookie",
    "strip_lookalike_cookies",
]

_TOKEN68 = re.compile(r"[A-Za-z0-9\-._~+/]+=*")  # RFC 9110 §11.2, the b64token of RFC 6750 §2.1
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")  # RFC 3986 §2.1
_ODD_SPACE = re.compile(rb"[\x0a-\x0d\x1c-\x1f\x85\xa0]")  # what str.strip takes from Latin-1, beside blank and tab
_SENT_BY_BROWSERS = ("basic", "digest", "negotiate", "ntlm")


@dataclass(frozen=True, slots=True)
class Query:
    """A query parameter: `?token=…`. The only explicit place that every browser API and every client can reach.

    It is read once: twice the same name is malformed (RFC 6749 §3.1). Only "&" separates parameters.
    """

    name: str = "token"
    ambient: ClassVar[bool] = False
    _bare: bytes = field(init=False, repr=False, compare=False)  # the name as nearly everybody sends it

    def __post_init__(self) -> None:
        if not is_visible(self.name):
            raise ConfigurationError(f'Query({self.name!r}): write the parameter\'s name in ASCII, as Query("token")')
        object.__setattr__(self, "_bare", self.name.encode("ascii"))

    def read(self, handshake: Handshake) -> Credentials | None:
        if handshake.query_string.count(b"&") >= MAX_PARTS:
            raise malformed(f"the query has more than {MAX_PARTS} parameters")
        values = [part.partition(b"=")[2] for part in handshake.query_string.split(b"&") if self._owns(part)]
        if not values:
            return None
        if len(values) > 1:
            raise malformed(f"query parameter {self.name!r} is given {len(values)} times")
        if len(values[0]) > 3 * MAX_SECRET:  # percent-encoded; decoding it would take long
            raise malformed(f"query parameter {self.name!r} is longer than {MAX_SECRET} bytes")
        if b"%" in values[0] and b"%" in _PERCENT.sub(b"", values[0]):
            raise malformed(f"query parameter {self.name!r} is not percent-encoded correctly")
        return credentials(_unquote(values[0]), f"query parameter {self.name!r}")

    def strip(self, scope: MutableMapping[str, Any]) -> None:
        query = bytes(scope.get("query_string", b""))
        if not query:
            return
        if query.count(b"&") >= MAX_PARTS:  # is refused: nothing of it is worth the search
            scope["query_string"] = b""
            return
        parts = query.split(b"&")
        kept = [part for part in parts if not self._owns(part)]
        if len(kept) < len(parts):
            scope["query_string"] = b"&".join(kept)

    def _owns(self, part: bytes) -> bool:
        name = part.partition(b"=")[0]
        if b"%" not in name and b"+" not in name:
            return name == self._bare
        # By its length first: a long query of small parts would take long to decode.
        return len(self.name) <= len(name) <= 3 * len(self.name) and _unquote(name) == self.name


def _unquote(value: bytes) -> str:
    """Decode as forms are encoded ("+" is a blank), byte by byte; a bad "%" stays."""
    if b"%" in value or b"+" in value:
        value = _PERCENT.sub(lambda match: bytes.fromhex(match[1].decode()), value.replace(b"+", b" "))
    return value.decode("latin-1")


@dataclass(frozen=True, slots=True)
class Header:
    """A request header: `Header()` is `Authorization: Bearer …`, `Header("X-API-Key")` a plain one.

    `scheme` is the HTTP authentication scheme, compared without case (RFC 9110 §11.1); an Authorization header of another
    scheme is not this credential. Pages cannot set headers on a WebSocket. Raises ConfigurationError for the schemes whose
    credentials a browser sends by itself: the Origin would not be asked for.

    `ambient=True` is for a header that a proxy adds for every page of a logged-in browser: it counts only where a cookie
    would. Those of well-known proxies (`wsauth.core.ambient`: Remote-User, Cf-Access-Jwt-Assertion, ...) always are. Those
    that name nobody (`User-Agent`, `X-Forwarded-For`, `Sec-Fetch-Site`, ...) raise ConfigurationError.
    """

    name: str = field(default="Authorization", compare=False)
    scheme: str | None = field(default=None, compare=False)
    ambient: bool = field(default=False, compare=False, repr=False)
    _place: tuple[bytes, str] = field(init=False, repr=False)  # as compared: names and schemes have no case

    def __post_init__(self) -> None:
        if not is_token(self.name):
            raise ConfigurationError(f"Header({self.name!r}) is no header name; write Header('X-API-Key')")
        key = self.name.lower()
        if key == "cookie":
            raise ConfigurationError("Header('Cookie') would ignore the Origin; write Cookie('name of the cookie')")
        if key == "sec-websocket-protocol":
            raise ConfigurationError(f"Header({self.name!r}) is a list of names; write Subprotocol('bearer')")
        if is_nameless_header(key):
            raise ConfigurationError(
                f"Header({self.name!r}) proves nothing about who somebody is: any client writes what it likes there, or many"
                " share what a proxy writes. Write Header('X-API-Key') for a key, and look at this one in"
                f" Policy(allow=...): handshake.header({key.encode()!r})"
            )
        if not isinstance(self.ambient, bool):
            raise ConfigurationError(
                f"Header({self.name!r}, ambient={self.ambient!r}): write ambient=True, or leave it out"
            )
        if is_ambient_header(key):
            object.__setattr__(self, "ambient", True)
        if self.scheme is None and key == "authorization":
            object.__setattr__(self, "scheme", "Bearer")
        self._check_scheme()
        object.__setattr__(self, "_place", (key.encode("ascii"), (self.scheme or "").lower()))

    def _check_scheme(self) -> None:
        if self.scheme is not None and not is_token(self.scheme):
            raise ConfigurationError(f"Header(scheme={self.scheme!r}): write the scheme's name, as scheme='Token'")
        if (self.scheme or "").lower() in _SENT_BY_BROWSERS:
            raise ConfigurationError(
                f"Header(scheme={self.scheme!r}): browsers send {self.scheme} credentials by themselves, for any page"
                " that asks; write Header() for bearer tokens or Header('X-API-Key')"
            )

    def read(self, handshake: Handshake) -> Credentials | None:
        key, scheme = self._place
        lines = handshake.header(key)
        if not lines:
            return None
        if len(lines) > 1:
            raise malformed(f"header {self.name} is given {len(lines)} times")
        value = lines[0].decode("latin-1").strip(" \t")
        if scheme:
            return self._after_scheme(value, scheme)
        if "," in value:
            raise malformed(f"header {self.name} holds a comma: some servers join repeated headers so")
        return credentials(value, f"header {self.name}")

    def _after_scheme(self, value: str, scheme: str) -> Credentials | None:
        presented, blank, rest = value.partition(" ")
        if not blank or not is_token(presented):
            raise malformed(f"header {self.name} is not '<scheme> <credentials>' (RFC 9110 §11.4)")
        if presented.lower() != scheme:
            if any(part.strip(" \t").lower().startswith(f"{scheme} ") for part in rest.split(",")[1:]):
                raise malformed(f"header {self.name} holds several credentials: some servers join repeated headers so")
            return None
        secret = rest.lstrip(" ")
        if not _TOKEN68.fullmatch(secret):
            raise malformed(f"header {self.name} is not '{self.scheme} <token>' (RFC 6750 §2.1)")
        return credentials(secret, f"header {self.name}")

    def strip(self, scope: MutableMapping[str, Any]) -> None:
        if has_header(scope, self._place[0]) and presents(self, scope):
            scope["headers"] = [pair for pair in scope["headers"] if bytes(pair[0]).lower() != self._place[0]]


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie that holds a credential, such as a JWT. Browsers send it for every page, so the Origin must be allowed.

    An empty one is none: that is how sites log out. Browsers send a cookie to every port of its host.
    """

    name: str
    ambient: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not is_token(self.name):
            raise ConfigurationError(f"Cookie({self.name!r}) is no cookie name (RFC 6265 §4.1.1); write Cookie('jwt')")

    def read(self, handshake: Handshake) -> Credentials | None:
        return read_cookie(handshake, self.name)

    def strip(self, scope: MutableMapping[str, Any]) -> None:
        strip_cookie(scope, self.name)


def has_header(scope: MutableMapping[str, Any], name: bytes) -> bool:
    return name in [bytes(key).lower() for key, _ in scope.get("headers", ())]


def strip_cookie(scope: MutableMapping[str, Any], name: str) -> None:
    """Take one cookie out of a scope's Cookie lines; the others stay as they were sent."""
    if not has_header(scope, b"cookie"):
        return
    _keep_cookies(scope, lambda pair: pair.partition("=")[0].strip(" \t") != name)


def strip_lookalike_cookies(scope: MutableMapping[str, Any]) -> None:
    """Take cookies out that frameworks take for another: they strip all that Unicode calls white space from a name.

    `read_cookie` does not, so the application would read another value than the one that was verified.
    """
    cookies = [value for name, value in scope.get("headers", ()) if bytes(name).lower() == b"cookie"]
    if not any(map(_ODD_SPACE.search, cookies)):
        return
    _keep_cookies(scope, lambda pair: "=" not in pair or (name := pair.partition("=")[0]).strip() == name.strip(" \t"))


def _keep_cookies(scope: MutableMapping[str, Any], keep: Callable[[str], bool]) -> None:
    headers = []
    for key, value in scope.get("headers", ()):
        if bytes(key).lower() == b"cookie":
            parts = bytes(value).split(b";")
            kept = [part for part in parts if keep(part.decode("latin-1"))]
            if not kept:
                continue
            value = value if len(kept) == len(parts) else b";".join(kept).lstrip(b" ")
        headers.append((key, value))
    scope["headers"] = headers


def read_cookie(handshake: Handshake, name: str) -> Credentials | None:
    """Read one cookie (RFC 6265 §5.4) whatever its neighbours look like, over several Cookie lines (RFC 9113 §8.2.3).

    Names are compared exactly, and only blank and tab are white space, or `__Host-` cookies could be respelled. One name
    with two values is malformed: a sibling domain can plant the second (cookie tossing).
    """
    values = {
        value.strip(" \t")
        for line in handshake.header(b"cookie")
        for part in line.decode("latin-1").split(";")
        if name in part  # first: of a long line nothing else is worth a call
        for key, separator, value in (part.partition("="),)
        if separator and key.strip(" \t") == name
    }
    if len(values) > 1:
        raise malformed(f"cookie {name!r} is given with different values")
    value = values.pop() if values else ""
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = value[1:-1]
    return credentials(value, f"cookie {name!r}") if value else None


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
            raise ConfigurationError(f"Subprotocol({self.marker!r}): the marker must be a token; write 'bearer'")

    def read(self, handshake: Handshake) -> Credentials | None:
        offered = handshake.subprotocols
        if offered is None:
            if self.marker in handshake.offered:
                raise malformed("Sec-WebSocket-Protocol is not a list of distinct tokens (RFC 6455 §4.1)")
            return None
        if self.marker not in offered:
            return None
        after = offered.index(self.marker) + 1
        if after == len(offered):
            raise malformed(f"subprotocol {self.marker!r} is not followed by a credential")
        return credentials(offered[after], "subprotocol")

    def strip(self, scope: MutableMapping[str, Any]) -> None:
        if not offered_subprotocols(scope) or not presents(self, scope):
            return
        offered = Handshake.from_scope(scope).subprotocols or ()  # not a list to choose from: nothing of it stays
        at = offered.index(self.marker) if offered else 0
        offer_subprotocols(scope, offered[:at] + offered[at + 2 :])


def offer_subprotocols(scope: MutableMapping[str, Any], names: tuple[str, ...]) -> None:
    """Let a scope offer exactly `names`, in its list and in its header, where it has one."""
    scope["subprotocols"] = list(names)
    headers = list(scope.get("headers", ()))
    lines = [at for at, pair in enumerate(headers) if bytes(pair[0]).lower() == b"sec-websocket-protocol"]
    if lines and names:
        headers[lines.pop(0)] = (b"sec-websocket-protocol", ", ".join(names).encode("ascii"))
    scope["headers"] = [pair for at, pair in enumerate(headers) if at not in lines]
