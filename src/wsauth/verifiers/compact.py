"""A compact JWS (RFC 7515 §7.1), read strictly before anything is computed with it.

Standard library and core only: no key and no cryptography here. One parse serves signature and claims, so the two can
never see different tokens. Every refusal is `Reason.MALFORMED`, takes time bounded by the size limit, and quotes
nothing.
"""

from __future__ import annotations

import binascii
from functools import lru_cache
from typing import Any, NamedTuple

from wsauth.core import strict_json
from wsauth.core.errors import InvalidCredentials
from wsauth.core.reasons import Reason

MAX_SIZE = 8192  # characters; a longer token does not fit the request head that most servers accept
MAX_KID = 256
MAX_COMMON = 512  # characters of a header that is worth remembering
MAX_MEMBERS = 64  # commas in a header: it has some ten members, and a chain of certificates (`x5c`) as many at most

# RFC 7515 §2: base64url with all trailing "=" omitted, and without line breaks, blanks or other characters.
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
# RFC 4648 §3.5: the unused bits of the last character are zero. Else one signature could be spelled in several ways,
# and a list of spent tokens be passed by respelling one. By length modulo 4; a remainder of 1 is never valid.
_PADDING = ("", None, "==", "=")
_LAST = (None, None, frozenset("AQgw"), frozenset("AEIMQUYcgkosw048"))
_MEDIA_TYPE = "application/"


class Compact(NamedTuple):
    """The parts of a token whose signature nobody has verified yet."""

    header: dict[str, Any]
    payload: dict[str, Any]
    signed: bytes
    signature: bytes


class Sealed(NamedTuple):
    """The parts of a token whose payload nobody has looked at yet: who has no key cannot make us read eight kilobytes."""

    header: dict[str, Any]
    segment: str
    signed: bytes
    signature: bytes

    def open(self) -> dict[str, Any]:
        """Return the payload. Raises InvalidCredentials where it is malformed."""
        return _parsed(_text(self.segment, "payload"), "payload")


def check(token: str, max_size: int = MAX_SIZE) -> Compact:
    """Return the parts of a well-formed token; raise InvalidCredentials for anything else.

    Well-formed: at most `max_size` characters; three segments in canonical base64url; header and payload JSON objects
    in UTF-8 without duplicate members, NaN or deep nesting; a header with a text `alg`, and free of `crit`, `b64`,
    `zip` and nested tokens. The parts are not to be trusted before the signature is verified.
    """
    sealed = split(token, max_size)
    return Compact(sealed.header, sealed.open(), sealed.signed, sealed.signature)


def split(token: str, max_size: int = MAX_SIZE) -> Sealed:
    """Return the parts of a token that is well-formed but for its payload; raise InvalidCredentials for anything else."""
    if len(token) > max_size:
        raise malformed(f"token is longer than {max_size} characters")
    header, payload, signature = _segments(token)
    return Sealed(
        _common_header(header) if len(header) <= MAX_COMMON else _header(header),
        payload,
        token[: -1 - len(signature)].encode("ascii"),
        _decode(signature, "signature"),
    )


def _segments(token: str) -> list[str]:
    """The three segments. No regular expression looks at them: it would take longer for garbage than a good token does."""
    segments = token.split(".", 3)
    if len(segments) != 3 or not all(segments) or not token.isascii() or _foreign(token) != b"..":
        raise malformed("token is not three base64url segments")
    return segments


def _foreign(token: str) -> bytes:
    """What is left without the alphabet: the dots."""
    return token.encode("ascii").translate(None, _ALPHABET)


def _header(segment: str) -> dict[str, Any]:
    text = _text(segment, "header")
    if text.count(",") > MAX_MEMBERS:
        raise malformed("header has too many members")
    return check_header(_parsed(text, "header"))


_common_header = lru_cache(maxsize=64)(_header)  # one issuer's tokens share their header, which nobody changes


def check_header(header: dict[str, Any]) -> dict[str, Any]:
    """Return a header that means only what it seems to mean.

    `jwk`, `jku`, `x5u` and `x5c` are ignored, as any header that is not understood (RFC 7515 §4): a token never brings
    its own key.
    """
    if not isinstance(header.get("alg"), str):
        raise malformed("header alg is missing or not a text")
    # RFC 7515 §4.1.11: an extension that is not understood and listed in `crit` must be refused; none is understood.
    # RFC 7797 §7: `b64` changes what is signed. `zip` belongs to encrypted tokens (RFC 7516 §4.1.3).
    for name in ("crit", "b64", "zip"):
        if name in header:
            raise malformed(f"header {name} is not supported")
    if "kid" in header and not (isinstance(header["kid"], str) and len(header["kid"]) <= MAX_KID):
        raise malformed(f"header kid is not a text of at most {MAX_KID} characters")
    if "typ" in header and not isinstance(header["typ"], str):
        raise malformed("header typ is not a text")
    if "cty" in header and (not isinstance(header["cty"], str) or media_type(header["cty"]) == "jwt"):
        raise malformed("header cty announces a nested token")  # RFC 7519 §5.2
    return header


def media_type(name: str) -> str:
    """The comparable form of a `typ` or `cty`: without case and without an omissible prefix (RFC 7515 §4.1.9)."""
    return name.lower().removeprefix(_MEDIA_TYPE)


def malformed(detail: str) -> InvalidCredentials:
    return InvalidCredentials(detail, Reason.MALFORMED)


def _text(segment: str, where: str) -> str:
    # Decoded as UTF-8 here, because json.loads(bytes) would also take UTF-16, UTF-32 and a byte order mark.
    try:
        return _decode(segment, where).decode("utf-8")
    except UnicodeDecodeError:
        raise malformed(f"{where} is not UTF-8") from None


def _parsed(text: str, where: str) -> dict[str, Any]:
    try:
        value = strict_json.loads(text)
    except ValueError as error:
        raise malformed(f"{where} is irregular: {error}") from None
    if not isinstance(value, dict):
        raise malformed(f"{where} is not a JSON object")
    return value


def _decode(segment: str, where: str) -> bytes:
    remainder = len(segment) % 4
    padding, last = _PADDING[remainder], _LAST[remainder]
    if padding is None or (last is not None and segment[-1] not in last):
        raise malformed(f"{where} is not canonical base64url")
    return binascii.a2b_base64(segment.replace("-", "+").replace("_", "/") + padding)
