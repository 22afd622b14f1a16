"""The policies: every place of the handshake, and the same with a first message."""

from __future__ import annotations

from servers.apps.visits import verified
from wsauth import (
    Cookie,
    Credentials,
    FirstMessage,
    Header,
    Identity,
    InvalidCredentials,
    Policy,
    Query,
    Reason,
    SecurityScheme,
    Subprotocol,
    VerifierUnavailable,
)

PATIENT = 30.0
IMPATIENT = (2, 10, 30)  # seconds: the others are for a machine that is too slow for the first


async def verify(credentials: Credentials) -> Identity | None:
    """Read `<verdict>.<subject>.<anything>` or `until.<subject>.<POSIX time>.<anything>`."""
    verdict, _, rest = credentials.secret.partition(".")
    subject, _, rest = rest.partition(".")
    verified[subject] = verified.get(subject, 0) + 1
    if verdict == "good":
        return Identity(subject)
    if verdict == "until":
        return Identity(subject, expires_at=float(rest.partition(".")[0]) / 1000)
    if verdict == "unavailable":
        raise VerifierUnavailable("the store is away", retry_after=7)
    if verdict == "expired":
        raise InvalidCredentials("expired", Reason.EXPIRED)
    if verdict == "broken":
        raise RuntimeError(f"could not make sense of {credentials.secret}")
    if verdict == "unknown":
        return None
    raise InvalidCredentials("not one of ours")


async def may_connect(identity: Identity, handshake: object) -> bool:
    return not identity.subject.startswith("unwelcome")


def _policy(deadline: float = 0.0) -> Policy:
    schemes = [
        SecurityScheme("query", Query("token"), verify),
        SecurityScheme("bearer", Header("Authorization"), verify),
        SecurityScheme("key", Header("X-API-Key"), verify),
        SecurityScheme("protocol", Subprotocol("bearer"), verify),
        SecurityScheme("cookie", Cookie("token"), verify),
    ]
    if deadline:
        schemes.append(SecurityScheme("first", FirstMessage(deadline=deadline), verify))
    return Policy(schemes, allow=may_connect, subprotocols=["chat"], max_pending=1000)


# by the first segment of the path
POLICIES = {
    "fastapi": _policy(),
    "async": _policy(),
    "sync": _policy(),
    "fastapi-first": _policy(PATIENT),
    "async-first": _policy(PATIENT),
    "sync-first": _policy(PATIENT),
    **{f"impatient-{seconds}": _policy(float(seconds)) for seconds in IMPATIENT},
}
