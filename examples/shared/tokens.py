"""Demo tokens. A real application gets these from its identity provider; here some are broken on purpose."""

import secrets
import time

from joserfc import jwt
from joserfc.jwk import OctKey

KEY = secrets.token_urlsafe(48)  # a new one at every start; never in a file
ISSUER, AUDIENCE = "wsauth-demo", "sockets"
LIFETIMES = (30, 600)  # seconds
KINDS = ("access", "expired", "wrong", "refresh", "garbled")


def mint(subject: str, kind: str, lifetime: int) -> str:
    """Return a JWT for a user: a good one ("access"), or one of the kinds that must be refused."""
    if kind == "garbled":
        return "not.a.token"
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject,
        "iat": now,
        "exp": now + lifetime,
        "jti": secrets.token_hex(8),
        "token_type": "refresh" if kind == "refresh" else "access",
    }
    if kind == "expired":
        claims |= {"iat": now - 660, "exp": now - 60}
    key = secrets.token_urlsafe(48) if kind == "wrong" else KEY
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(key))
