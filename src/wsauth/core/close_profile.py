"""The close codes that clients see: client libraries disagree on which are final, so the numbers are a setting."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from wsauth.core.errors import ConfigurationError
from wsauth.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

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
