"""The users, sessions and tokens that handshakes present, and the headers of a browser that presents them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.configuration import BACKENDS, HOST, SECRET_KEY, USERS, Configuration

Headers = list[tuple[bytes, bytes]]
ORIGIN = f"https://{HOST}"
LIFETIME = 3600.0  # seconds
PASSWORD = "md5$salt$67a1e09bb1f83f5007dc119c14d663aa"  # noqa: S105 - of nobody


@dataclass(frozen=True, slots=True)
class Presented:
    """What one client brings: a query string and headers. `origin` None is a client that is no browser."""

    query: str = ""
    cookie: str = ""
    origin: str | None = ORIGIN

    def headers(self) -> Headers:
        """The headers that a browser sends, in the order of Chromium."""
        named = {
            "host": HOST,
            "connection": "Upgrade",
            "pragma": "no-cache",
            "cache-control": "no-cache",
            "user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0",
            "upgrade": "websocket",
            "origin": self.origin,
            "sec-websocket-version": "13",
            "accept-encoding": "gzip, deflate, br, zstd",
            "accept-language": "en-GB,en;q=0.9",
            "cookie": self.cookie,
            "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        return [(name.encode(), value.encode("latin-1")) for name, value in named.items() if value]

    def request(self, path: str = "/ws/") -> bytes:
        target = f"{path}?{self.query}" if self.query else path
        lines = [f"GET {target} HTTP/1.1".encode(), *(name + b": " + value for name, value in self.headers())]
        return b"\r\n".join([*lines, b"", b""])


def token(user: int | str, *, key: str = SECRET_KEY, seconds: float = LIFETIME) -> str:
    """An HS256 token as simplejwt and many others issue them: the claims, in base64, signed."""
    claims = {"token_type": "access", "exp": int(time.time() + seconds), "iat": int(time.time()), "sub": str(user)}
    signed = f"{_encoded({'alg': 'HS256', 'typ': 'JWT'})}.{_encoded(claims)}"
    return f"{signed}.{_base64(hmac.digest(key.encode(), signed.encode(), 'sha256'))}"


def _encoded(value: dict[str, Any]) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def presented(configuration: Configuration) -> list[Presented]:
    """What the users of the configuration present: a cookie, or a token in the query."""
    if configuration.guard in ("ams", "wsauth-session"):
        return [Presented(cookie=f"theme=dark; sessionid={key}") for key in _session_keys(configuration)]
    if configuration.guard == "none":
        return [Presented()]
    return [Presented(query=f"token={token(user)}") for user in range(1, USERS + 1)]


def _session_keys(configuration: Configuration) -> list[str]:
    if configuration.engine in ("db", "cached_db"):
        return stored_keys(configuration.backend)
    return list(_made_up())


def stored_keys(backend: str) -> list[str]:
    """The keys of the sessions in the database that were logged in by a backend."""
    return [hashlib.sha256(f"{backend} {number}".encode()).hexdigest()[:32] for number in range(1, USERS + 1)]


def _made_up() -> Iterator[str]:
    """Log every user in to a session of the engine, which chooses the keys."""
    from importlib import import_module
    from pathlib import Path

    from django.conf import settings

    Path(settings.SESSION_FILE_PATH).mkdir(exist_ok=True)
    for user in range(1, USERS + 1):
        session = import_module(settings.SESSION_ENGINE).SessionStore()
        session.update(_logged_in(user, settings.AUTHENTICATION_BACKENDS[0]))
        session.save()
        yield session.session_key


def _logged_in(user: int, backend: str) -> dict[str, str]:
    from django.contrib.auth.models import User

    return {
        "_auth_user_id": str(user),
        "_auth_user_backend": backend,
        "_auth_user_hash": User(password=PASSWORD).get_session_auth_hash(),
    }


def fill_database() -> None:
    """Create the tables, the users and their sessions, for both authentication backends of `configuration`."""
    from datetime import timedelta

    from django.conf import settings
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.db import SessionStore
    from django.contrib.sessions.models import Session
    from django.core.management import call_command
    from django.utils import timezone

    call_command("migrate", verbosity=0)
    numbers = range(1, USERS + 1)
    User.objects.bulk_create(
        User(pk=n, username=f"user{n}", email=f"user{n}@example.com", password=PASSWORD) for n in numbers
    )
    ends = timezone.now() + timedelta(seconds=settings.SESSION_COOKIE_AGE)
    encode = SessionStore().encode
    Session.objects.bulk_create(
        Session(session_key=key, session_data=encode(_logged_in(number, path)), expire_date=ends)
        for backend, path in BACKENDS.items()
        for number, key in zip(numbers, stored_keys(backend), strict=True)
    )


REFUSED = {
    "missing": Presented(),
    "missing, no browser": Presented(origin=None),
    "malformed token": Presented(query="token=abc"),
    "malformed session key": Presented(cookie="sessionid=x"),
    "bad signature": Presented(query=f"token={token(1, key='another key, long enough for HS256 too')}"),
    "foreign origin": Presented(cookie="sessionid=" + stored_keys("stock")[0], origin="https://evil.example"),
}
