"""A security scheme: a name, where the credential travels, and what proves it (AsyncAPI's Security Scheme Object)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wsauth.core.errors import ConfigurationError
from wsauth.core.location import Location
from wsauth.core.verifier import Rechecker, Verifier, VerifierFunction, as_verifier

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from wsauth.core.credentials import Credentials
    from wsauth.core.handshake import Handshake

_NAME = re.compile(r"[A-Za-z0-9.\-_]+")  # the keys that AsyncAPI 3 allows under components


@dataclass(frozen=True, slots=True)
class SecurityScheme:
    """One way to prove who one is. The name appears in logs, in `Identity.scheme` and in the AsyncAPI document.

    `verifier` is an object with an async `verify(credentials, handshake)`, or an async function of the credentials that
    returns an `Identity` or None. Raises ConfigurationError for anything else.
    """

    name: str
    location: Location
    verifier: Verifier | VerifierFunction = field(repr=False)  # it may hold keys

    def __post_init__(self) -> None:
        where = f"SecurityScheme({self.name!r}, ...)"
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise ConfigurationError(f"{where}: use letters, digits, '.', '-' and '_' in the name, as \"queryToken\"")
        if isinstance(self.location, type) or not isinstance(self.location, Location):
            found = getattr(self.location, "__name__", type(self.location).__name__)
            raise ConfigurationError(f'{where}: the second argument is where, and is {found}; write Query("token")')
        object.__setattr__(self, "verifier", as_verifier(self.verifier, where))

    @property
    def proof(self) -> Verifier:
        return self.verifier  # type: ignore[return-value]  # __post_init__ wrapped functions

    @property
    def ambient(self) -> bool:
        return self.location.ambient

    @property
    def stateful(self) -> bool:
        """Whether a store is asked, which may be asked again; a stateless credential speaks for itself until it expires."""
        return bool(getattr(self.verifier, "stateful", False))

    @property
    def rechecker(self) -> Rechecker | None:
        """Whoever can say of an identity that it still holds, where somebody can."""
        return None if getattr(self.verifier, "recheck", None) is None else self.verifier  # type: ignore[return-value]

    def read(self, handshake: Handshake) -> Credentials | None:
        return self.location.read(handshake)

    def strip(self, scope: MutableMapping[str, Any]) -> None:
        self.location.strip(scope)
