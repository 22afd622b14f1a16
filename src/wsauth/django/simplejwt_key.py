"""The key that SIMPLE_JWT verifies with: whether it may, and what it is called."""

from __future__ import annotations

import json
import logging
import time
from functools import lru_cache
from typing import Any

from django.conf import settings

from wsauth.core.errors import ConfigurationError, VerifierUnavailable
from wsauth.core.ration import Ration
from wsauth.verifiers import strength, thumbprint

logger = logging.getLogger("wsauth")
_ration = Ration(time.monotonic)  # of what each token would say again
_WHERE = 'SIMPLE_JWT["SIGNING_KEY"]'


def check() -> None:
    """Raise ConfigurationError where anybody could forge tokens: a key that is short, simple, published or a placeholder.

    With DEBUG the SECRET_KEY that `startproject` wrote, simplejwt's default, is only warned of.
    """
    options = getattr(settings, "SIMPLE_JWT", {})
    algorithm = options.get("ALGORITHM", "HS256")
    if algorithm in strength.SECRET_BYTES:
        _check_secret(_bytes(options.get("SIGNING_KEY", settings.SECRET_KEY)), algorithm)
    elif options.get("VERIFYING_KEY"):
        size = getattr(_prepared(algorithm, options["VERIFYING_KEY"]), "key_size", None)
        if size is not None and algorithm[:2] in ("RS", "PS"):
            strength.check_rsa(size, 'SIMPLE_JWT["VERIFYING_KEY"]')


def check_late() -> None:
    """Check where the verifier was made before the settings were there. Raises VerifierUnavailable, and logs why."""
    try:
        check()
    except ConfigurationError as error:
        _ration.write(logging.ERROR, f"every token is refused: {error}")
        raise VerifierUnavailable("the key of SIMPLE_JWT is refused") from None


def _check_secret(secret: bytes, algorithm: str) -> None:
    if settings.DEBUG and secret.startswith(strength.DJANGO):
        logger.warning(
            "%s is a SECRET_KEY as startproject writes it; give it another one, or DEBUG = False refuses it", _WHERE
        )
        return
    strength.check_secret(secret, algorithm, _WHERE)


def id_of(backend: Any, raw: str) -> str:
    """Return what the key is called that simplejwt's backend has just verified this token with, as `Identity.key_id`."""
    if backend.algorithm.startswith("HS"):
        return _name(backend.algorithm, backend.signing_key)
    if backend.jwks_client:
        return str(backend.jwks_client.get_signing_key_from_jwt(raw).key_id)  # which it keeps
    return _name(backend.algorithm, backend.verifying_key)


@lru_cache(maxsize=8)
def _name(algorithm: str, key: Any) -> str:
    if algorithm in strength.SECRET_BYTES:
        return thumbprint.of_secret(_bytes(key))
    return thumbprint.of_public(json.loads(_algorithm(algorithm).to_jwk(_prepared(algorithm, key))))


def _prepared(algorithm: str, key: Any) -> Any:
    return _algorithm(algorithm).prepare_key(key)


def _algorithm(name: str) -> Any:
    import jwt

    return jwt.PyJWS().get_algorithm_by_name(name)


def _bytes(key: object) -> bytes:
    if isinstance(key, str | bytes | None):
        return key.encode("utf-8") if isinstance(key, str) else key or b""
    raise ConfigurationError(f"{_WHERE} is a {type(key).__name__}; {strength.unwrapping(key)}write a str or bytes")
