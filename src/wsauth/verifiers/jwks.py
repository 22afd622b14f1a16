"""Keys published at a URL as a JWK Set (RFC 7517 §5), fetched when a token needs them and kept for a while.

Two rules: no token makes this fetch more often than once per cool-down, and no failure here turns a good token into an
invalid one. It is unavailable, which clients retry.
"""

from __future__ import annotations

import asyncio
import contextvars
import importlib.util
import ipaddress
import logging
import math
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from wsauth.core import strict_json
from wsauth.core.errors import ConfigurationError, VerifierUnavailable
from wsauth.core.settings import check_clock
from wsauth.core.verifier import require_async
from wsauth.verifiers import keys

if TYPE_CHECKING:
    import ssl

logger = logging.getLogger("wsauth.jwks")

Fetch = Callable[[str], Awaitable[bytes]]
RETRY_AFTER_FAILURE = 5  # seconds; nobody waits a whole cool-down for an issuer that is back


class _Unusable(Exception):
    """What was fetched is no JWK Set. The message holds nothing that was fetched."""


@dataclass(frozen=True, slots=True)
class _Published:
    """One fetched set, and the rings of those who verify with it."""

    jwks: tuple[Mapping[str, Any], ...]
    fetched_at: float
    kids: frozenset[str]
    rings: dict[tuple[str, ...], keys.KeyRing] = field(default_factory=dict)

    def has(self, kid: str | None) -> bool:
        """Whether a new fetch could not tell more about `kid`. A key that is published but unfit is known, too."""
        return kid is None or kid in self.kids or not self.kids

    def ring(self, algorithms: tuple[str, ...]) -> keys.KeyRing:
        if algorithms not in self.rings:
            self.rings[algorithms] = keys.load_published(self.jwks, algorithms)
        return self.rings[algorithms]


class JWKS:
    """The keys at `url`, for `JWTVerifier(JWKS("https://…"), algorithms=["RS256"])`.

    They are fetched for the first token, used for `cache_for` seconds, and then renewed in the background while they
    still answer. When renewing fails they serve for `stale_for` seconds more: that is also how long a key that its
    issuer withdrew can live, should an attacker cut the way to the issuer. A token with an unknown `kid` causes one
    fetch per `cool_down`; until the next may happen it is unavailable rather than invalid, as its key may just be new.

    The address must be https (or a loopback one), redirects are refused, and so is an answer of over `max_bytes` or
    `timeout` seconds. Proxies and certificates from the environment are not used. `fetch`, an async function from the
    URL to the body, replaces the HTTP client, for private certificate authorities or proxies. Only public keys for
    signatures count; secrets, weak and broken keys are ignored.

    Raises VerifierUnavailable when there are no keys to judge with. It may be shared between verifiers and event loops.
    """

    def __init__(
        self,
        url: str,
        *,
        cache_for: float = 600,
        stale_for: float = 86400,
        cool_down: float = 30,
        timeout: float = 5,
        max_bytes: int = 65536,
        fetch: Fetch | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shown = _check_url(url)
        for name, value, least in (
            ("cache_for", cache_for, 1),
            ("stale_for", stale_for, 0),
            ("cool_down", cool_down, 1),
            ("timeout", timeout, 0.1),
            ("max_bytes", max_bytes, 1),
        ):
            if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value < math.inf:
                raise ConfigurationError(f"JWKS: {name} is {value!r}; it must be at least {least}")
        if cool_down > cache_for:  # keys would expire before they may be fetched again
            raise ConfigurationError(f"JWKS: cool_down is {cool_down!r}; it must not exceed cache_for, {cache_for!r}")
        if fetch is None and importlib.util.find_spec("httpx") is None:
            raise ConfigurationError('JWKS needs httpx; run `pip install "wsauth[jwks]"`, or pass fetch=')
        if fetch is not None:
            require_async(fetch, "JWKS: fetch")
        self._url = url
        self._fetch = fetch or _Client(timeout, max_bytes)
        self._cache_for, self._stale_for, self._cool_down = cache_for, stale_for, cool_down
        self._timeout, self._max_bytes = timeout, max_bytes
        check_clock("JWKS", clock)
        self._clock = clock
        self._published: _Published | None = None
        self._not_before = -math.inf
        # Strong references, or a running fetch could be collected; by loop, as a task can only be awaited in its own.
        self._fetching: dict[asyncio.AbstractEventLoop, asyncio.Task[_Published | None]] = {}

    def __repr__(self) -> str:
        return f"JWKS({self._shown!r})"

    @property
    def address(self) -> str:
        """Where the keys are, in one spelling: two that fetch from there have the same keys."""
        parts = urlsplit(self._url)
        port = "" if parts.port in (None, 443 if parts.scheme == "https" else 80) else f":{parts.port}"
        return f"{parts.scheme}://{parts.hostname}{port}{parts.path or '/'}?{parts.query}"

    def check_algorithms(self, algorithms: tuple[str, ...]) -> None:
        """Raise ConfigurationError for algorithms whose key cannot be published."""
        for name in algorithms:
            if keys.KINDS[name] == "secret":
                raise ConfigurationError(
                    f"JWTVerifier: {name} uses a secret, which no JWKS holds; write ['RS256'] or so"
                )

    async def ring(self, algorithms: tuple[str, ...], kid: str | None) -> keys.KeyRing:
        """Return the current keys, fetched anew where there are none or none could have that `kid`."""
        published = self._published
        age = math.inf if published is None else self._clock() - published.fetched_at
        if published is None or age > self._cache_for + self._stale_for or not published.has(kid):
            published = await self._renewed()
        elif age > self._cache_for and self._wait() <= 0:
            self._fetch_task()
        return published.ring(algorithms)

    def _wait(self) -> float:
        return self._not_before - self._clock()

    async def _renewed(self) -> _Published:
        """Wait for the fetch that all waiters share; one of them giving up does not cancel it for the others."""
        running = self._fetching.get(asyncio.get_running_loop())
        if (running is None or running.done()) and (wait := self._wait()) > 0:
            raise VerifierUnavailable(
                f"{self!r} was just asked; keys that it lacked may be there soon", math.ceil(wait)
            )
        published = await asyncio.shield(self._fetch_task())
        if published is None:
            raise VerifierUnavailable(f"{self!r} cannot be fetched", RETRY_AFTER_FAILURE)
        return published

    def _fetch_task(self) -> asyncio.Task[_Published | None]:
        """Return the running fetch, or start one. It belongs to no request, so it starts in an empty context."""
        loop = asyncio.get_running_loop()
        task = self._fetching.get(loop)
        if task is None or task.done():
            self._not_before = self._clock() + self._cool_down
            self._fetching = {loop: task for loop, task in self._fetching.items() if not loop.is_closed()}
            task = loop.create_task(self._fetch_and_keep(), name="wsauth.jwks", context=contextvars.Context())
            self._fetching[loop] = task
            task.add_done_callback(lambda done: self._forget(loop, done))
        return task

    def _forget(self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[_Published | None]) -> None:
        if self._fetching.get(loop) is task:
            del self._fetching[loop]

    async def _fetch_and_keep(self) -> _Published | None:
        """Fetch once. Never raises: a failure that nobody waits for would be reported as an error of asyncio."""
        try:
            async with asyncio.timeout(self._timeout):
                body = await self._fetch(self._url)
            jwks = _members(body, self._max_bytes)
        except Exception as error:  # whatever a fetch function raises, there are no new keys
            # Only messages of our own: one of an HTTP client may quote the URL with its query, or a header.
            logger.warning("%r: %s", self, error if isinstance(error, _Unusable) else type(error).__name__)
            self._not_before = min(self._not_before, self._clock() + RETRY_AFTER_FAILURE)
            return None
        kids = frozenset(kid for jwk in jwks if isinstance(kid := jwk.get("kid"), str))
        self._published = _Published(jwks, self._clock(), kids)
        return self._published


def _check_url(url: str) -> str:
    """Return what of the URL may be shown. Raises ConfigurationError unless it is https, or http on this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except (ValueError, AttributeError, TypeError):
        raise ConfigurationError("JWKS: the URL cannot be read; write JWKS('https://…')") from None
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))):
        raise ConfigurationError(
            f"JWKS: keys come over https only, found {parts.scheme!r}: whoever can change them can forge every token;"
            " write JWKS('https://…')"
        )
    if re.search(r"[\s{}<>]|\$[({A-Z]", url):
        raise ConfigurationError(
            "JWKS: the URL holds blanks, or a template that was never filled; write JWKS('https://…')"
        )
    if parts.path.endswith("/openid-configuration"):
        raise ConfigurationError(
            "JWKS: at that URL is a document that says where the keys are; write JWKS(…) with what it says under `jwks_uri`"
        )
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError("JWKS: the URL holds a user or password; pass fetch= to send credentials")
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _members(body: bytes, max_bytes: int) -> tuple[Mapping[str, Any], ...]:
    """The keys of a JWK Set; members that are no objects are ignored (RFC 7517 §5)."""
    if not isinstance(body, bytes) or len(body) > max_bytes:
        raise _Unusable(f"the answer is longer than {max_bytes} bytes, or not bytes")
    try:
        document = strict_json.loads(body.decode("utf-8"))
    except ValueError:
        raise _Unusable("the answer is not JSON") from None
    jwks = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(jwks, list):
        raise _Unusable('the answer is not a JWK Set: it has no list of "keys"')
    return tuple(jwk for jwk in jwks if isinstance(jwk, dict))


class _Client:
    """The HTTP client: httpx, imported for the first fetch and told to follow nothing but the configuration."""

    def __init__(self, timeout: float, max_bytes: int) -> None:
        self._timeout, self._max_bytes = timeout, max_bytes
        self._tls: ssl.SSLContext | None = None

    async def __call__(self, url: str) -> bytes:
        if self._tls is None:  # reading all root certificates takes tens of milliseconds: not on the event loop
            self._tls = await asyncio.to_thread(_tls)
        import httpx

        # A compressed answer could unfold to any size in one step, so none is asked for and none is taken.
        headers = {"Accept": "application/jwk-set+json, application/json", "Accept-Encoding": "identity"}
        async with (
            httpx.AsyncClient(
                verify=self._tls, trust_env=False, follow_redirects=False, timeout=self._timeout, headers=headers
            ) as client,
            client.stream("GET", url) as response,
        ):
            if response.status_code != 200:
                raise _Unusable(f"the answer has status {response.status_code}; redirects are not followed")
            if response.headers.get("content-encoding", "identity") != "identity":
                raise _Unusable("the answer is compressed")
            body = b""
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > self._max_bytes:
                    raise _Unusable(f"the answer is longer than {self._max_bytes} bytes")
            return body


def _tls() -> ssl.SSLContext:
    import httpx

    return httpx.create_ssl_context(trust_env=False)
