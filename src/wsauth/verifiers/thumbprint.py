"""What a key is called that has no name of its own: the same in every process, and telling nothing about the key.

Standard library only, so that every verifier can name its key, whatever library it verifies with.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

_REQUIRED = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}


def of_public(jwk: Mapping[str, Any]) -> str:
    """Return the thumbprint of a public key (RFC 7638 §3, RFC 8037 §2): the SHA-256 of its required members."""
    members = {name: jwk[name] for name in _REQUIRED[jwk["kty"]]}
    digest = hashlib.sha256(json.dumps(members, sort_keys=True, separators=(",", ":")).encode("ascii")).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def of_secret(secret: bytes) -> str:
    """Return 22 characters for a secret. RFC 7638 §7 warns of the thumbprint of one, as it is a hash of the secret alone.

    This is an HMAC by the secret, cut to half: whoever guesses secrets learns no more from it than from any token.
    """
    digest = hmac.digest(secret, b"wsauth: the name of a key", hashlib.sha256)[:16]
    return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
