"""Who may write to the log: whoever holds one of its secrets. Redis is not trusted, nor are others who use it.

The first secret signs, all of them verify.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from wsauth.core.errors import ConfigurationError
from wsauth.revocation.record import MAX_BODY, Record
from wsauth.revocation.said import Said, read
from wsauth.verifiers import strength

_SIGN = b"wsauth revocation log: sign "  # the same secret may serve other purposes, with other keys derived from it
_NAME = b"wsauth revocation log: name"


class Forged(ValueError):
    """An entry that nobody who holds the secret has written."""


class UnknownKey(ValueError):
    """An entry that is signed with a secret that this process does not have: a newer one, unless it is forged."""


class Keyring:
    """Signs the records of one namespace and opens what others have signed for it: a copy in another one is forged."""

    __slots__ = ("_keys", "_signs_with")

    def __init__(self, secrets: Sequence[str | bytes], namespace: str) -> None:
        if isinstance(secrets, str | bytes) or not isinstance(secrets, Sequence) or not secrets:
            raise ConfigurationError(
                "RedisLog(secrets=...) takes a list: write secrets=[SECRET], the one that signs first"
            )
        keys = [_key(secret, namespace) for secret in secrets]
        self._keys = dict(keys)
        self._signs_with = keys[0]

    def seal(self, record: Record) -> tuple[bytes, bytes, bytes]:
        """Return body, name of the key and signature. Raises ValueError where the selector makes it too long."""
        name, key = self._signs_with
        body = record.encode()
        return body, name, key.sign(body)

    def open(self, body: bytes, name: bytes, signature: bytes) -> Said:
        """Return what was sealed. Raises Forged, UnknownKey, or UnknownVersion for a record of a later wsauth."""
        if len(body) > MAX_BODY:
            raise Forged("the body is too long")
        key = self._keys.get(name)
        if key is None:
            raise UnknownKey("the name of its key is not known here")
        if not hmac.compare_digest(key.sign(body), signature):
            raise Forged("the signature is wrong")
        return read(body)


def _key(secret: str | bytes, namespace: str) -> tuple[bytes, Key]:
    """Return the name of a key, which tells nothing about it, and the key."""
    plain = secret.encode("utf-8", "surrogatepass") if isinstance(secret, str) else secret
    if not isinstance(plain, bytes):
        raise ConfigurationError(
            f"RedisLog(secrets=...) holds a {type(plain).__name__}; {strength.unwrapping(secret)}write each as str or bytes"
        )
    strength.check_long(plain, "RedisLog(secrets=...)")
    name = hmac.digest(plain, _NAME, hashlib.sha256)[:4].hex().encode()
    return name, Key(hmac.digest(plain, _SIGN + namespace.encode("ascii"), hashlib.sha256))


class Key:
    """A key of HMAC with SHA-256, prepared once: RFC 2104, section 4. Half of what `hmac.digest` costs each time."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        block = key.ljust(64, b"\0")  # of SHA-256; no key is longer
        self._inner, self._outer = (hashlib.sha256(bytes(byte ^ pad for byte in block)) for pad in (0x36, 0x5C))

    def sign(self, body: bytes) -> bytes:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(body)
        outer.update(inner.digest())
        return outer.hexdigest().encode()
