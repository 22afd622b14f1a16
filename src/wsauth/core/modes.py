"""The named choices of a policy. A weaker one is a value with a name, never a boolean that turns a check off."""

from __future__ import annotations

from enum import Enum

from wsauth.core.reasons import Reason


class Anonymous(Enum):
    """What happens to a client that proves nothing."""

    NEVER = "refused"
    IF_MISSING = "an anonymous identity, where no credential was presented"
    IF_INVALID = "an anonymous identity, also where the credential is invalid or expired"

    def covers(self, reason: Reason) -> bool:
        """Whether a refusal for this reason becomes an anonymous identity. Conflict, malformed and revoked never do."""
        if reason is Reason.MISSING:
            return self is not Anonymous.NEVER
        return self is Anonymous.IF_INVALID and reason in (Reason.INVALID, Reason.EXPIRED)


class Refusals(Enum):
    """How a refusal is delivered. A browser cannot read the status of a refused upgrade; it can read a close code."""

    AUTO = "a close code to pages of an allowed origin that must act on it, HTTP to everyone else"
    HTTP = "HTTP to everyone"
    CLOSE_CODE = "a close code to every page of an allowed origin, whatever the reason"
