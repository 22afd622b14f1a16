"""The errors of wsauth, split by whose fault they are. A decision is a value; only verifiers raise."""

from __future__ import annotations

from wsauth.core.reasons import Reason


class ConfigurationError(Exception):
    """The deployer's fault: raised while the application starts, never by a request.

    The message names the setting, what was found, and the line to write instead.
    """


class InvalidCredentials(Exception):
    """The client's fault: a credential was presented and does not prove an identity.

    `detail` explains it in the server's log and never reaches the client, so it may say what was wrong but must not
    quote the credential. `reason` decides what the client is told.
    """

    def __init__(self, detail: str = "", reason: Reason = Reason.INVALID) -> None:
        if not isinstance(reason, Reason):
            raise TypeError(f"InvalidCredentials(reason={reason!r}): write a member of Reason, such as Reason.EXPIRED")
        super().__init__(detail)
        self.detail = str(detail)  # `raise InvalidCredentials(error)` is what people write
        self.reason = reason


class VerifierUnavailable(Exception):
    """Nobody's fault at this end: the verifier could not reach what it needs to judge (JWKS, database, cache).

    The client is told to retry after `retry_after` seconds; nothing is admitted meanwhile.
    """

    def __init__(self, detail: str = "", retry_after: float = 5) -> None:
        super().__init__(detail)
        self.detail = str(detail)
        self.retry_after = max(1, int(retry_after))  # RFC 9110 §10.2.3: whole seconds


class ConnectionEnded(OSError):
    """Raised by `send` on a connection that wsauth has ended, as ASGI 2.4 asks of a closed connection."""
