"""Why a connection is refused or ended: one table drives HTTP status, close code, public text and advice.

`CloseProfile` translates the close codes for client libraries that expect others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Reason(Enum):
    """Why a connection was refused or ended. The members are the whole vocabulary of logs, documents and clients."""

    #         text                                 HTTP  close advice
    MISSING = "credentials required", 401, 4401, "log in; do not retry"
    MALFORMED = "malformed credentials", 401, 4401, "log in; do not retry"
    INVALID = "invalid credentials", 401, 4401, "log in; do not retry"
    CONFLICT = "conflicting credentials", 401, 4401, "log in; do not retry"
    EXPIRED = "credentials expired", 401, 4440, "refresh, then reconnect"
    REVOKED = "credentials revoked", 401, 4410, "log in again"
    FORBIDDEN = "forbidden", 403, 4403, "stop"
    FOREIGN_ORIGIN = "origin not allowed", 403, 4403, "stop"
    TIMEOUT = "no credentials in time", 408, 4408, "retry once"
    REPLACED = "replaced by a newer connection", 403, 4409, "stop"
    GOING_AWAY = "going away", 503, 4012, "reconnect after a random delay"
    TOO_MANY = "too many connections", 429, 4429, "back off"
    UNAVAILABLE = "temporarily unavailable", 503, 4503, "back off and retry"

    def __init__(self, text: str, status: int, close_code: int, advice: str) -> None:
        self.text = text
        self.status = status
        self.close_code = close_code
        self.advice = advice

    @property
    def about_credentials(self) -> bool:
        """Whether the answer is 401, which RFC 9110 §11.6.1 obliges to carry `WWW-Authenticate`."""
        return self.status == 401

    @property
    def worth_reading(self) -> bool:
        """Whether a browser must do something other than wait, and so must be able to read the close code.

        Everything else is refused over HTTP: clients reset their back-off on `open`, so accepting a connection
        only to say "busy" multiplies reconnects.
        """
        return self.close_code in {4401, 4440, 4410, 4403} and self is not Reason.FOREIGN_ORIGIN


_IANA_CODES = {4401: 3000, 4440: 3000, 4410: 3000, 4403: 3003, 4408: 3008}


@dataclass(frozen=True, slots=True)
class CloseProfile:
    """The close codes that clients see, by the code of the default table (RFC 6455 §7.4.2: 3000-4999).

    `CloseProfile()` is that table, `CloseProfile.iana()` uses the codes registered for WebSocket, and
    `CloseProfile({4401: 4003, ...})` is a table of one's own. Codes outside 3000-4999 are refused: browsers and
    several servers reject them, and daphne leaves the socket open on 1001-1015.
    """

    codes: Mapping[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        from wsauth.core.errors import ConfigurationError  # which knows the reasons

        if not hasattr(self.codes, "items"):
            raise ConfigurationError(
                f"CloseProfile({self.codes!r}): write CloseProfile({{4401: 4003}}) or CloseProfile.iana()"
            )
        known = {reason.close_code for reason in Reason}
        for code, instead in self.codes.items():
            if code not in known:
                raise ConfigurationError(f"CloseProfile: {code!r} is not one of wsauth's close codes {sorted(known)}")
            if not isinstance(instead, int) or not 3000 <= instead <= 4999:
                raise ConfigurationError(
                    f"CloseProfile: {instead!r} (for {code}) must lie within 3000-4999; write 4003"
                )
        object.__setattr__(self, "codes", MappingProxyType(dict(self.codes)))

    @classmethod
    def iana(cls) -> CloseProfile:
        """Use the IANA registry's 3000 Unauthorized, 3003 Forbidden and 3008 Timeout."""
        return cls(_IANA_CODES)

    def code(self, reason: Reason) -> int:
        return self.codes.get(reason.close_code, reason.close_code)
