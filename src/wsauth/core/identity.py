"""Who is connected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Identity:
    """A verified identity, or an anonymous one.

    `subject` is the stable name of the user (the `sub` of RFC 7519, a primary key as text) and is what `revoke` takes;
    it is empty for an anonymous identity. `user` is the application's own object for it, if there is one.
    `scheme` is the name of the security scheme that decided; the policy fills it in.
    `issued_at` and `expires_at` are POSIX timestamps in seconds: the connection ends at `expires_at`.
    `session_id` and `token_id` name the credential for revocation; where the credential's own key is a secret, they
    are its SHA-256 digest. `scope` holds extra entries for the application's ASGI scope, such as `session`.
    """

    subject: str
    user: Any = field(default=None, repr=False, hash=False)
    scheme: str = ""
    scopes: frozenset[str] = frozenset()
    issued_at: float | None = None
    expires_at: float | None = None
    session_id: str | None = field(default=None, repr=False)
    token_id: str | None = field(default=None, repr=False)
    claims: Mapping[str, Any] = field(default_factory=lambda: _NOTHING, repr=False, hash=False)
    scope: Mapping[str, Any] = field(default_factory=lambda: _NOTHING, repr=False, hash=False)

    def __post_init__(self) -> None:
        if not isinstance(self.subject, str):
            raise TypeError(f"Identity.subject must be a str, not {type(self.subject).__name__}: write str(user.pk)")
        if isinstance(self.scopes, str):
            raise TypeError("Identity.scopes must be a set of names, not one str: write frozenset({'read'})")
        object.__setattr__(self, "scopes", frozenset(self.scopes))

    @classmethod
    def anonymous(cls, user: Any = None, scope: Mapping[str, Any] = _NOTHING) -> Identity:
        """Nobody in particular. Only a policy with an `Anonymous` mode ever admits it."""
        return cls(subject="", user=user, scope=scope)

    @property
    def is_authenticated(self) -> bool:
        return bool(self.subject)

    @property
    def is_anonymous(self) -> bool:
        return not self.subject

    @property
    def display_name(self) -> str:
        return self.subject
