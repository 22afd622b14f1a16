"""What a policy answers: a value, `Allow` or `Deny`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wsauth.core.reasons import Reason

if TYPE_CHECKING:
    from wsauth.core.identity import Identity
    from wsauth.core.scheme import SecurityScheme


@dataclass(frozen=True, slots=True)
class Allow:
    """Admit the connection as `identity`. `scheme` is the one that decided; None for an anonymous identity."""

    identity: Identity
    scheme: SecurityScheme | None = None


@dataclass(frozen=True, slots=True)
class Deny:
    """Refuse the connection. `detail` is for the server's log; the client gets the reason's public text.

    `retry_after` (seconds) goes into the Retry-After header of the reasons that ask to come back.
    """

    reason: Reason
    detail: str = ""
    scheme: str = ""
    retry_after: int = 5


Decision = Allow | Deny
