"""Which pages may connect: the Origin of the handshake (RFC 6454, RFC 6455 §10.2) against cross-site WebSocket hijacking.

Browsers always send an Origin with a WebSocket and scripts cannot change it. The check comes before any credential is
looked for: any other order is an oracle for other sites.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from wsauth.core.errors import ConfigurationError
from wsauth.core.hosts import host_matches, is_possible, is_wide
from wsauth.core.verifier import is_async

if TYPE_CHECKING:
    from wsauth.core.handshake import Handshake

# Lower case. No user name, path, empty label (so no trailing dot), zone id (RFC 6874), empty or zero-led port.
_AUTHORITY = r"(\[[0-9a-f:.]+\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)(?::([1-9][0-9]{0,4}))?"
_HOST = re.compile(_AUTHORITY)
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://" + _AUTHORITY)
MAX_ORIGIN = 300  # characters: a host name has at most 253 (RFC 1035 §2.3.4)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
# Their pages have the Origin `null` (HTML, "opaque origin"), or are no pages at all.
_NOBODYS = ("null", "file", "filesystem", "data", "blob", "about", "javascript", "view-source", "mailto", "ws", "wss")
_WEB_PORTS = {"http": 80, "https": 443}
KNOWN_SCHEMES: tuple[str, ...] = ("http", "https", "capacitor", "ionic", "tauri", "wails", "app", "electron", "ms-appx")
KNOWN_SCHEMES += ("ms-appx-web", "chrome-extension", "moz-extension", "safari-web-extension", "extension")
KNOWN_SCHEMES += ("vscode-webview", "vscode-file")

Origin = tuple[str, str, int | None]  # scheme, host, port
AllowedHosts = Iterable[str] | Callable[[], Iterable[str] | None] | None


class OriginVerdict(Enum):
    """What an Origin rule answers."""

    ALLOWED = "allowed"  # a page of this site: what it is refused for, it may read
    ABSENT = "absent"  # not a browser: explicit credentials only
    FOREIGN = "foreign"  # refused before anything is read


class OriginRule(Protocol):
    """Judges the Origin of a handshake."""

    def check(self, handshake: Handshake) -> OriginVerdict: ...


def parse_origin(text: str) -> Origin | None:
    """Return scheme, host and port of a serialized origin (RFC 6454 §6.2); None where it is anything else or `null`."""
    return _parse_origin(text) if len(text) <= MAX_ORIGIN else None


def parse_host(text: str, scheme: str) -> Origin | None:
    """Return the origin that a Host header (RFC 9110 §7.2) names when it is reached by `scheme`; None if malformed."""
    return _parse_host(text, scheme) if len(text) <= MAX_ORIGIN else None


# Most handshakes name one of a few origins. The caches are small, and so is what can be put into them.
@lru_cache(maxsize=256)
def _parse_origin(text: str) -> Origin | None:
    match = _ORIGIN.fullmatch(text.lower()) if text.isascii() else None
    return None if match is None else _located(*match.groups())


@lru_cache(maxsize=256)
def _parse_host(text: str, scheme: str) -> Origin | None:
    match = _HOST.fullmatch(text.lower()) if text.isascii() else None
    return None if match is None else _located(scheme, *match.groups())


def _located(scheme: str, host: str, port: str | None) -> Origin | None:
    number = int(port) if port else _WEB_PORTS.get(scheme)
    if number is not None and number > 65535:
        return None
    if host.startswith("["):
        from ipaddress import IPv6Address  # only here: importing it costs more than the rest of this module

        try:
            host = f"[{IPv6Address(host[1:-1]).compressed}]"
        except ValueError:
            return None
    return scheme, host, number


def presented_origin(handshake: Handshake) -> Origin | OriginVerdict | None:
    """Return the Origin that was sent; None for one that is malformed, `null` or doubled; ABSENT where there is none."""
    lines = handshake.header(b"origin")
    if not lines:
        return OriginVerdict.ABSENT
    if len(lines) > 1:
        return None
    return parse_origin(lines[0].decode("latin-1"))


@dataclass(frozen=True, slots=True, init=False)
class Origins:
    """Exactly these origins, by scheme, host and port: `Origins("https://app.example.com", "capacitor://localhost")`.

    There are no patterns: a pattern that one subdomain too many matches is a hole. `schemes` names those of an application
    shell of one's own, as `Origins("myapp://localhost", schemes=["myapp"])`. Raises ConfigurationError for anything that is
    not an origin, for a scheme that is not known, and for `null`, which every sandboxed frame of every site sends.
    """

    allowed: frozenset[Origin]

    def __init__(self, *origins: str, schemes: Iterable[str] = ()) -> None:
        if not origins:
            raise ConfigurationError('Origins() allows nothing: write Origins("https://app.example.com") or SameHost()')
        if isinstance(schemes, str) or not all(isinstance(scheme, str) for scheme in schemes):
            raise ConfigurationError(f'Origins(schemes={schemes!r}): write a list of names, as schemes=["myapp"]')
        schemes = [_own_scheme(scheme) for scheme in schemes]
        known = {*KNOWN_SCHEMES, *schemes}
        object.__setattr__(self, "allowed", frozenset(_configured(origin, known) for origin in origins))

    def check(self, handshake: Handshake) -> OriginVerdict:
        origin = presented_origin(handshake)
        if origin is OriginVerdict.ABSENT:
            return OriginVerdict.ABSENT
        return OriginVerdict.ALLOWED if origin in self.allowed else OriginVerdict.FOREIGN


def _configured(text: str, known: Collection[str]) -> Origin:
    if not isinstance(text, str):
        raise ConfigurationError(
            f'Origins({text!r}): write each origin as a text: Origins("https://a.com", "https://b.com")'
        )
    if text == "*":
        raise ConfigurationError('Origins("*"): write AnyOrigin(), which works for policies without cookies')
    if text == "null":
        raise ConfigurationError('Origins("null") would admit sandboxed frames of every site; name real origins')
    origin = parse_origin(_with_a_labels(text.removesuffix("/")))
    if origin is None or (origin[0] in _WEB_PORTS and not is_possible(origin[1])):
        raise ConfigurationError(
            f"Origins({text!r}): write scheme, host and port as the browser sends them, without a path or a pattern,"
            ' such as "https://app.example.com", "http://localhost:3000" or "https://xn--bcher-kva.example"'
        )
    if origin[0] in ("ws", "wss"):
        raise ConfigurationError(
            f"Origins({text!r}): the Origin is that of the page, not of the socket; write {text.replace('ws', 'http', 1)!r}"
        )
    if origin[0] not in known:
        raise ConfigurationError(
            f"Origins({text!r}): no page has the scheme {origin[0]!r}; write {_meant(text, origin[0])!r}, or"
            f" Origins({text!r}, schemes=[{origin[0]!r}]) where an application of yours has it"
        )
    return origin


def _own_scheme(name: str) -> str:
    if name.lower() in _NOBODYS:
        raise ConfigurationError(
            f"Origins(schemes=[{name!r}]): pages of that scheme have no Origin of their own, and any site can make such"
            ' a page; write the scheme of your application shell, as schemes=["myapp"]'
        )
    if not _SCHEME.fullmatch(name.lower()):
        raise ConfigurationError(f'Origins(schemes=[{name!r}]): write the name alone, as schemes=["myapp"]')
    return name.lower()


def _meant(text: str, scheme: str) -> str:
    from difflib import get_close_matches  # only here: a mistake is rare, and every import costs

    (meant,) = get_close_matches(scheme, ("https", "http", "capacitor", "tauri"), n=1) or ["https"]
    return meant + text[len(scheme) :]


def _with_a_labels(text: str) -> str:
    """Spell an international host as browsers do in an Origin (RFC 6454 §6.2).

    Only where Python's IDNA 2003 and the browsers' IDNA 2008 agree: the former makes "strasse.de" of "straße.de".
    """
    if text.isascii():
        return text
    scheme, separator, authority = text.partition("://")
    try:
        encoded = authority.encode("idna")
        return scheme + separator + encoded.decode("ascii") if encoded.decode("idna") == authority.lower() else ""
    except UnicodeError:
        return ""


@dataclass(frozen=True, slots=True)
class SameHost:
    """The host that the handshake itself was sent to, within `allowed_hosts`. The default.

    A page reached by https must have an https Origin; behind a proxy that ends TLS the Origin may be https although the
    server sees http. `allowed_hosts` are names as Django's ALLOWED_HOSTS has them (`.example.com` for subdomains),
    or a function that returns them; None allows any host. They stop DNS rebinding, where both Host and Origin are the
    attacker's.
    """

    allowed_hosts: AllowedHosts = None

    def __post_init__(self) -> None:
        if self.allowed_hosts is None or callable(self.allowed_hosts):
            self._check_function()
            return
        given = self.allowed_hosts
        hosts = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else ()
        if not hosts or not all(isinstance(host, str) for host in hosts):
            raise ConfigurationError(
                f"{type(self).__name__}(allowed_hosts={self.allowed_hosts!r}): write a list of names, such as"
                ' allowed_hosts=["example.com", ".example.com"]'
            )
        for host in hosts:
            self._check_pattern(host)
        object.__setattr__(self, "allowed_hosts", hosts)

    def _check_function(self) -> None:
        if is_async(self.allowed_hosts):
            raise ConfigurationError(
                f"{type(self).__name__}(allowed_hosts=...) is an async function, and each handshake would be refused; write"
                " a plain `def`"
            )

    def _check_pattern(self, pattern: str) -> None:
        """Refuse what no host could ever match."""
        named = parse_host(pattern.removeprefix("."), "")
        if pattern != "*" and (named is None or named[2] is not None or not is_possible(named[1])):
            raise ConfigurationError(
                f"{type(self).__name__}(allowed_hosts=[{pattern!r}]): write names alone, without scheme, port or path, as"
                ' "app.example.com", or ".example.com" for it and all below'
            )

    def hosts(self) -> Iterable[str] | None:
        """Return the patterns as they stand now; None for any host."""
        return self.allowed_hosts() if callable(self.allowed_hosts) else self.allowed_hosts

    def too_wide(self) -> str | None:
        """Return a pattern among those written that hosts of somebody else match, where there is one."""
        given = self.allowed_hosts
        return None if given is None or callable(given) else next(filter(is_wide, given), None)

    def check(self, handshake: Handshake) -> OriginVerdict:
        origin = presented_origin(handshake)
        if isinstance(origin, OriginVerdict):
            return origin
        if origin is not None and self._is_own(origin, handshake):
            return OriginVerdict.ALLOWED
        return OriginVerdict.FOREIGN

    def _is_own(self, origin: Origin, handshake: Handshake) -> bool:
        scheme, host, _ = origin
        hosts = handshake.header(b"host")
        if scheme not in _WEB_PORTS or len(hosts) != 1 or (handshake.is_secure and scheme != "https"):
            return False
        return parse_host(hosts[0].decode("latin-1"), scheme) == origin and self._is_allowed(host)

    def _is_allowed(self, host: str) -> bool:
        allowed = self.hosts()
        return allowed is None or any(host_matches(host, pattern) for pattern in allowed)


class SameHostOrAbsent(SameHost):
    """Like `SameHost`, but a handshake without an Origin may use cookies too.

    Weaker: whatever can send a cookie without being a browser connects. Browsers always send an Origin, so pages of other
    sites are refused all the same.
    """

    __slots__ = ()

    def check(self, handshake: Handshake) -> OriginVerdict:
        verdict = super().check(handshake)
        return OriginVerdict.ALLOWED if verdict is OriginVerdict.ABSENT else verdict


@dataclass(frozen=True, slots=True)
class AnyOrigin:
    """Every well-formed origin. A policy with cookies, or headers that a proxy adds, refuses it: any site could use them."""

    def check(self, handshake: Handshake) -> OriginVerdict:
        origin = presented_origin(handshake)
        if isinstance(origin, OriginVerdict):
            return origin
        return OriginVerdict.FOREIGN if origin is None else OriginVerdict.ALLOWED
