"""Which secrets are too short, too simple or too well known to prove anything with.

For every secret that wsauth takes: of tokens, of session cookies, of the log. Every refusal is a ConfigurationError that
says what was found, without showing any of it, and what to write instead.
"""

from __future__ import annotations

import base64
import re
from collections import Counter
from itertools import pairwise

from wsauth.core.errors import ConfigurationError

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
# What examples and templates spell their secrets with. One that consists of nothing else was never replaced.
_WORDS = """
    your my our the this that very super ultra top most strong long secure insecure unsafe secret key jwt jws token
    hmac session cookie auth app application api django flask fastapi starlette redis sign signing signed signature
    private shared master default example sample demo dummy fake placeholder password passwd passphrase pass word
    change changed it me please replace insert put paste fill set enter here now with in before for production prod
    deploy deployment dev development local localhost random string value text generate generated todo fixme tbd not
    do use never safe must be to bit byte 128 256 384 512 admin root user letmein welcome hello world foo bar baz
    keyboard cat lorem ipsum qwertyuiop qwerty asdfghjkl asdf zxcvbnm zxcv abcdefgh abcdef abcd abc 1234567890
    0123456789 12345678 123456 1234 123
"""
_WORD = re.compile("|".join(sorted(_WORDS.split(), key=len, reverse=True)).encode())
_LEET = bytes.maketrans(b"013457@$!", b"oleastasi")
# A template that nobody filled in: ${JWT_SECRET}, $JWT_SECRET, {{ jwt_secret }}, <your secret>, %JWT_SECRET%, ENV[...].
_UNFILLED = re.compile(
    rb"\$\{.+\}|\$\(.+\)|\$[A-Z_]+|\{\{.+\}\}|<[^<>]+>|%[A-Z_]+%|%\(\w+\)s|\[\[?[\w .-]+\]\]?", re.DOTALL
)
# Neither is a secret, however long: an address is published, a name is guessed.
_ADDRESS = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://|[\w-]+(\.[\w-]+)+(:\d+)?/\S*jwks|//[\w-]+\.", re.IGNORECASE)
_FILE = re.compile(rb"\.(pem|key|pub|crt|cer|der|jwks?|json|p8|p12|pfx|ppk)$", re.IGNORECASE)
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
    """Raise ConfigurationError for a secret, however long, that anybody could guess."""
    if _is_published(secret):
        raise ConfigurationError(f"{where}: the secret is an example from public documentation; {_FIX}")
    if secret.strip().startswith(DJANGO):
        raise ConfigurationError(
            f"{where}: the secret is a SECRET_KEY as `startproject` writes it into the code, where everybody who has seen"
            f" the repository has it; {_FIX}"
        )
    if is_address(secret) or is_file(secret):
        what = "an address" if is_address(secret) else "the name of a file"
        raise ConfigurationError(f"{where}: the secret is {what}, not what is there; {_FIX}")
    if _is_placeholder(secret):
        raise ConfigurationError(f"{where}: the secret is a placeholder that was never replaced; {_FIX}")
    if _is_simple(secret):
        raise ConfigurationError(f"{where}: the secret repeats a few characters; {_FIX}")


def check_rsa(bits: int, where: str = "JWTVerifier") -> None:
    """Raise ConfigurationError for an RSA key that can be factored."""
    if bits < RSA_BITS:
        raise ConfigurationError(
            f"{where}: the RSA key has {bits} bits, and {RSA_BITS} are required (RFC 7518 §3.3);"
            " make one with `openssl genrsa -out key.pem 3072`"
        )


def is_address(secret: bytes) -> bool:
    return _ADDRESS.match(secret.strip()) is not None


def is_file(secret: bytes) -> bool:
    return _FILE.search(secret.strip()) is not None


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
