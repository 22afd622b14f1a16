"""Which secrets are too short, too simple or too well known to verify anything with.

Every refusal is a ConfigurationError that says what was found, without showing any of it, and what to write instead.
"""

from __future__ import annotations

import base64

from wsauth.core.errors import ConfigurationError

# RFC 7518 §3.2: "A key of the same size as the hash output or larger MUST be used."
SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
RSA_BITS = 2048  # RFC 7518 §3.3
_DISTINCT = 8  # 32 random hexadecimal digits hold fewer distinct ones less than once in ten million times

# Long enough, and in every attacker's word list: from jwt.io, the FastAPI tutorial, RFC 7515 A.1 and RFC 7520 §3.5.
_PUBLISHED = frozenset(
    {
        b"a-string-secret-at-least-256-bits-long",
        b"a-valid-string-secret-that-is-at-least-384-bits-long",
        b"a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
        b"09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
        b"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
        b"hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg",
    }
)
_PLACEHOLDERS = (b"your256bitsecret", b"yoursecretkey", b"changeme", b"replaceme", b"secretkeyhere", b"insertyour")
_FIX = 'make one with `python -c "import secrets; print(secrets.token_urlsafe(64))"` and keep it out of the code'


def check_secret(secret: bytes, algorithm: str) -> None:
    """Raise ConfigurationError unless `secret` could be random and is long enough for `algorithm`."""
    required = SECRET_BYTES[algorithm]
    if len(secret) < required:
        raise ConfigurationError(
            f"JWTVerifier: the secret has {len(secret)} bytes, and {algorithm} needs at least {required}"
            f" (RFC 7518 §3.2); {_FIX}"
        )
    if _is_published(secret):
        raise ConfigurationError(f"JWTVerifier: the secret is an example from public documentation; {_FIX}")
    if len(set(secret)) < _DISTINCT or _repeats(secret):
        raise ConfigurationError(f"JWTVerifier: the secret repeats a few characters; {_FIX}")


def check_rsa(bits: int) -> None:
    """Raise ConfigurationError for an RSA key that can be factored."""
    if bits < RSA_BITS:
        raise ConfigurationError(
            f"JWTVerifier: the RSA key has {bits} bits, and {RSA_BITS} are required (RFC 7518 §3.3);"
            " make one with `openssl genrsa -out key.pem 3072`"
        )


def _is_published(secret: bytes) -> bool:
    plain = secret.strip()
    letters = plain.lower().translate(None, b" -_.:")
    spelled = (plain, base64.urlsafe_b64encode(secret).rstrip(b"="))
    return any(text in _PUBLISHED for text in spelled) or letters.startswith(_PLACEHOLDERS)


def _repeats(secret: bytes) -> bool:
    """Whether a first half or less, written again and again, gives the whole."""
    return any(secret.startswith(secret[period:]) for period in range(1, len(secret) // 2 + 1))
