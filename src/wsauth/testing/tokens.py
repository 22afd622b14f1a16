"""Tokens for tests: good ones, and those that must not pass."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any


class TokenFactory:
    """Makes JWTs that a `JWTVerifier` with the same key accepts: `TokenFactory(key)("alice", expires_in=60)`.

    `key` is a secret or a private key in PEM; the further arguments are claims of every token, such as `iss` and `aud`.
    """

    def __init__(
        self, key: str | bytes, *, algorithm: str = "HS256", clock: Callable[[], float] = time.time, **claims: Any
    ) -> None:
        from joserfc.jwk import import_key

        kind = "oct" if algorithm.startswith("HS") else {"RS": "RSA", "PS": "RSA", "ES": "EC"}.get(algorithm[:2], "OKP")
        self._key = import_key(key, kind)  # type: ignore[call-overload]  # the kind is one of the four
        self._algorithm = algorithm
        self._clock = clock
        self._claims = claims

    def __call__(
        self, subject: str, *, expires_in: float = 300, header: dict[str, Any] | None = None, **claims: Any
    ) -> str:
        """Return a token for `subject` that expires in `expires_in` seconds; a claim given as None is left out."""
        from joserfc import jwt

        now = int(self._clock())
        payload = {"sub": subject, "iat": now, "exp": now + expires_in, **self._claims, **claims}
        kept = {name: value for name, value in payload.items() if value is not None}
        with warnings.catch_warnings(action="ignore"):  # RFC 9864 calls "EdDSA" deprecated; issuers still use it
            return jwt.encode({"alg": self._algorithm, **(header or {})}, kept, self._key, algorithms=[self._algorithm])

    def expired(self, subject: str, **claims: Any) -> str:
        """Return a token that expired an hour ago."""
        return self(subject, expires_in=-3600, **{"iat": int(self._clock()) - 7200, **claims})

    def refresh(self, subject: str, **claims: Any) -> str:
        """Return a refresh token, which must not open a connection."""
        return self(subject, **{"token_type": "refresh", **claims})
