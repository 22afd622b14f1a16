"""Why a connection is refused or ended: one table drives HTTP status, close code, public text and advice."""

from __future__ import annotations

from enum import Enum


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
