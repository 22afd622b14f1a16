"""Which secrets are too short, too simple or too well known to prove anything with.

For every secret that wsauth takes: of tokens, of session cookies, of the log. Every refusal is a ConfigurationError that
says what was found, without showing any of it, and what to write instead.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from collections import Counter
from itertools import pairwise

from wsauth.core.errors import ConfigurationError
from wsauth.verifiers.misplaced import misplaced, spellings

# RFC 7518 §3.2: "A key of the same size as the hash output or larger MUST be used."
SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
RSA_BITS = 2048  # RFC 7518 §3.3
LEAST = 16  # bytes of a secret for which no standard names a size
DJANGO = b"django-insecure-"  # how the SECRET_KEY begins that `startproject` writes into the repository
_DISTINCT = 8  # 32 random hexadecimal digits hold fewer distinct ones less than once in ten million times
_DISTINCT_SHORT = 6  # for fewer than 32 bytes
_PAIRS = 10  # of neighbours; 16 random hexadecimal digits hold fewer about as rarely
_REST = 4  # different letters, or twice as many digits, that must be left without the words of a placeholder
_DIGITS = frozenset(b"0123456789")

# Long enough, and in every attacker's word list: from jwt.io, the tutorials of FastAPI, Hasura, Flask and
# Spring, RFC 7515 A.1 and RFC 7520 §3.5.
_PUBLISHED = frozenset(
    {
        b"a-string-secret-at-least-256-bits-long",
        b"a-valid-string-secret-that-is-at-least-384-bits-long",
        b"a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
        b"09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
        b"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
        b"hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg",
        b"3EK6FD+o0+c7tzBNVfjpMkNDi2yARAAKzQlk8O2IKoxQu4nF7EdAh8s3TwpHwrdWT6R",
        b"192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
        b"404E635266556A586E3272357538782F413F4428472B4B6250645367566B5970",
        b"3cfa76ef14937c1c0ea519f8fc057a80fcd04a7420f8e8bcd0a7567c272e007b",
    }
)
_PLACEHOLDERS = (b"your256bitsecret", b"yoursecretkey", b"changeme", b"replaceme", b"secretkeyhere", b"insertyour")
# What examples and templates spell their secrets with. One that consists of nothing else was never replaced.
_WORDS = """
    your my our the this that very super ultra top most strong long secure insecure unsafe secret key jwt jws token
    hmac session cookie auth app application api django flask fastapi starlette redis sign signing signed signature
    private shared master default example sample demo dummy fake placeholder password passwd passphrase pass word
    change changed it me please replace insert put paste fill set enter here now with in before for production prod
    deploy deployment dev development local localhost random string value text generate generated todo fixme tbd not
    do use never safe must be to bit byte 128 256 384 512 admin root user letmein welcome hello world foo bar baz
    at least than more minimum min of characters character chars char length bits bytes byte
    keyboard cat lorem ipsum qwertyuiop qwerty asdfghjkl asdf zxcvbnm zxcv abcdefgh abcdef abcd abc 1234567890
    0123456789 12345678 123456 1234 123
"""
_WORD = re.compile("|".join(sorted(_WORDS.split(), key=len, reverse=True)).encode())
_LEET = bytes.maketrans(b"013457@$!", b"oleastasi")
# A template that nobody filled in: ${JWT_SECRET}, $JWT_SECRET, {{ jwt_secret }}, <your secret>, %JWT_SECRET%, ENV[...].
_UNFILLED = re.compile(
    rb"\$\{.+\}|\$\(.+\)|\$[A-Z_]+|\$env:\w+|.*\{\{[\w.|\"' -]+\}\}.*|\{\{.+\}\}|<[^<>]+>|%[A-Z_]+%|%env\(.+\)%|%\(\w+\)s"
    rb"|\[\[?[\w .-]+\]\]?",
    re.DOTALL,
)
_DIGESTED = "changeme secretkey secret_key mysecret jwtsecret jwt_secret password1 password123 supersecret test123"
_DIGESTS = {16: "md5", 20: "sha1", 32: "sha256", 48: "sha384", 64: "sha512"}  # by their bytes
_FIX = 'make one with `python -c "import secrets; print(secrets.token_urlsafe(64))"` and keep it out of the code'


def check_secret(secret: bytes, algorithm: str, where: str = "JWTVerifier") -> None:
    """Raise ConfigurationError unless `secret` could be random and is long enough for `algorithm`."""
    required = SECRET_BYTES[algorithm]
    if len(secret) < required:
        raise ConfigurationError(
            f"{where}: the secret has {len(secret)} bytes, and {algorithm} needs at least {required}"
            f" (RFC 7518 §3.2); {_FIX}"
        )
    check_unknown(secret, where)


def check_long(secret: bytes, where: str) -> None:
    """Raise ConfigurationError unless `secret` could be random and holds 16 bytes or more."""
    if len(secret) < LEAST:
        raise ConfigurationError(f"{where}: the secret has {len(secret)} bytes, and needs at least {LEAST}; {_FIX}")
    check_unknown(secret, where)


def check_unknown(secret: bytes, where: str) -> None:
    """Raise ConfigurationError for a secret, however long, that anybody could guess, and for what is none."""
    spelled = [text.encode("latin-1") for text in spellings(secret)]
    if any(map(_is_published, spelled)):
        raise ConfigurationError(f"{where}: the secret is an example from public documentation; {_FIX}")
    if DJANGO in b" ".join(spelled):
        raise ConfigurationError(
            f"{where}: the secret is a SECRET_KEY as `startproject` writes it into the code, where everybody who has seen"
            f" the repository has it; {_FIX}"
        )
    if (found := misplaced(secret)) is not None:
        raise ConfigurationError(f"{where}: the secret is {found.what}; {found.instead}. To make one anew: {_FIX}")
    if any(map(_is_placeholder, spelled)):
        raise ConfigurationError(f"{where}: the secret is a placeholder that was never replaced; {_FIX}")
    if _is_digest(secret.strip()):
        raise ConfigurationError(f"{where}: the secret is the digest of a word, or of nothing; {_FIX}")
    if _is_simple(secret):
        raise ConfigurationError(f"{where}: the secret repeats a few characters; {_FIX}")


def unwrapping(configured: object) -> str:
    """Say what to write for an object that holds a secret, or the way to one; nothing for any other."""
    if hasattr(configured, "get_secret_value"):  # pydantic's SecretStr
        return "write settings.jwt_secret.get_secret_value(), or "
    if isinstance(configured, os.PathLike):
        return "write path.read_text().strip(), or "
    if type(configured).__name__ == "Secret":  # Starlette's
        return "write str(secret), or "
    return ""


def check_rsa(bits: int, where: str = "JWTVerifier") -> None:
    """Raise ConfigurationError for an RSA key that can be factored."""
    if bits < RSA_BITS:
        raise ConfigurationError(
            f"{where}: the RSA key has {bits} bits, and {RSA_BITS} are required (RFC 7518 §3.3);"
            " make one with `openssl genrsa -out key.pem 3072`"
        )


def _is_published(secret: bytes) -> bool:
    plain = secret.strip()
    spelled = (plain, base64.urlsafe_b64encode(secret).rstrip(b"="))
    return any(text in _PUBLISHED for text in spelled) or _letters(plain).startswith(_PLACEHOLDERS)


def _is_placeholder(secret: bytes) -> bool:
    plain = secret.strip()
    if _UNFILLED.fullmatch(plain):
        return True
    letters = _letters(plain)
    return any(_is_all_words(spelled) for spelled in (letters, letters.translate(_LEET)))


def _is_all_words(text: bytes) -> bool:
    rest, found = _WORD.subn(b"", text)
    if not found:
        return False
    letters, digits = set(rest) - _DIGITS, set(rest) & _DIGITS
    return len(letters) + len(digits) // 2 < _REST


def _letters(text: bytes) -> bytes:
    """The text without case, blanks and punctuation between words."""
    return text.lower().translate(None, b" \t\r\n-_.:,;/+*#~'\"()[]{}<>=?|\\")


def _is_digest(secret: bytes) -> bool:
    """Whether it is the digest of a word of the list, as `echo secret | sha256sum` makes it, in any of its spellings."""
    raws = [secret]
    for decode in (binascii.unhexlify, base64.b64decode):
        try:
            raws.append(decode(secret))
        except (binascii.Error, ValueError):
            continue
    names = {len(raw): (_DIGESTS[len(raw)], raw) for raw in raws if len(raw) in _DIGESTS}.values()
    words = (
        [word.encode() + end for word in ("", *_WORDS.split(), *_DIGESTED.split()) for end in (b"", b"\n")]
        if names
        else []
    )
    return any(hashlib.new(name, word, usedforsecurity=False).digest() == raw for name, raw in names for word in words)


def _is_simple(secret: bytes) -> bool:
    """Whether it repeats itself, holds few characters or few pairs of them, or counts up or down."""
    pairs = list(pairwise(secret))
    steps = Counter(after - before for before, after in pairs)
    return (
        len(set(secret)) < (_DISTINCT if len(secret) >= SECRET_BYTES["HS256"] else _DISTINCT_SHORT)
        or len(set(pairs)) < _PAIRS
        or max(steps.values(), default=0) > len(pairs) // 2
        or _repeats(secret)
    )


def _repeats(secret: bytes) -> bool:
    """Whether a first half or less, written again and again, gives the whole."""
    return any(secret.startswith(secret[period:]) for period in range(1, len(secret) // 2 + 1))
