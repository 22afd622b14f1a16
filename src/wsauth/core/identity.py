"""Who is connected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

_MAPPINGS = (dict, MappingProxyType, Mapping)  # in this order: the last takes long to ask


@dataclass(frozen=True, slots=True)
class Identity:
    """A verified identity, or an anonymous one.

    `subject` is the stable name of the user (the `sub` of RFC 7519, a primary key as text) and is what `revoke` takes;
    it is empty for an anonymous identity. `issuer` is who vouches for it, where the verifier pins that: the subject "1" of
    two issuers is two people. `user` is the application's own object for it, if there is one.
    `scheme` is the name of the security scheme that decided; the policy fills it in.
    `issued_at` and `expires_at` are POSIX timestamps in seconds: the connection ends at `expires_at`.
    `session_id` and `token_id` name the credential for revocation; where the credential's own key is a secret, they
    are its SHA-256 digest. `key_id` names the key that signed it (`kid`), `labels` whatever else it can be revoked by, such
    as {"device": "phone"}. `scope` holds extra entries for the application's ASGI scope, such as `session`.
    Raises TypeError for values of another type, which would never expire or never be found by `revoke`.
    """

    subject: str
    user: Any = field(default=None, repr=False, hash=False)
    scheme: str = ""
    scopes: frozenset[str] = frozenset()
    issued_at: float | None = None
    expires_at: float | None = None
    session_id: str | None = field(default=None, repr=False)
    token_id: str | None = field(default=None, repr=False)
    key_id: str | None = field(default=None, repr=False)
    issuer: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)
    scope: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)
    proven_subject: str = field(default="", repr=False)
    found: Identity | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.subject, str):
            raise TypeError(f"Identity.subject must be a str, not {type(self.subject).__name__}: write str(user.pk)")
        for name in ("session_id", "token_id", "key_id", "issuer"):
            if (text := getattr(self, name)) is not None and not isinstance(text, str):
                raise TypeError(f"Identity.{name} must be a str or None, not {type(text).__name__}: write str(...)")
        _require_time("issued_at", self.issued_at)
        _require_time("expires_at", self.expires_at)
        for name, value in (("claims", self.claims), ("scope", self.scope), ("labels", self.labels)):
            if not isinstance(value, _MAPPINGS):
                raise TypeError(f"Identity.{name} must be a mapping, not {type(value).__name__}: write a dict")
        if self.labels and not all(isinstance(text, str) for label in self.labels.items() for text in label):
            raise TypeError('Identity.labels must hold texts by name: write labels={"device": "phone"}')
        if self.scopes or type(self.scopes) is not frozenset:
            object.__setattr__(self, "scopes", _names(self.scopes))
        object.__setattr__(self, "proven_subject", self.proven_subject or self.subject)

    def under(self, scheme: str) -> Identity:
        """Return this identity as one that a scheme of that name has proved."""
        if type(self) is not Identity:
            return replace(self, scheme=scheme)
        named = object.__new__(Identity)
        for name in _FIELDS:  # they were checked already
            object.__setattr__(named, name, getattr(self, name))
        object.__setattr__(named, "scheme", scheme)
        return named

    def completed(self, before: Identity) -> Identity:
        """Return this identity with what it leaves out as it was `before`. Another subject's user is left out."""
        stays = self.user is None and self.subject == before.subject
        return replace(
            self,
            user=before.user if stays else self.user,
            issued_at=before.issued_at if self.issued_at is None else self.issued_at,
            expires_at=before.expires_at if self.expires_at is None else self.expires_at,
            session_id=self.session_id or before.session_id,
            token_id=self.token_id or before.token_id,
            key_id=self.key_id or before.key_id,
            issuer=self.issuer or before.issuer,
            labels={**before.labels, **self.labels},
            claims={**before.claims, **self.claims},
            scope={**before.scope, **self.scope},
            proven_subject=self.proven_subject if self.acts_as_another else before.proven_subject,
            found=self.found or before.found,
        )

    @classmethod
    def anonymous(cls, user: Any = None, scope: Mapping[str, Any] | None = None) -> Identity:
        """Nobody in particular. Only a policy with an `Anonymous` mode ever admits it."""
        return cls(subject="", user=user, scope=scope or {})

    @property
    def is_authenticated(self) -> bool:
        return bool(self.subject)

    @property
    def is_anonymous(self) -> bool:
        return not self.subject

    @property
    def acts_as_another(self) -> bool:
        """Whether the credential named another subject than the one that the connection belongs to."""
        return self.subject != self.proven_subject

    @property
    def display_name(self) -> str:
        return self.subject


_FIELDS = tuple(field.name for field in fields(Identity))


def _require_time(name: str, value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"Identity.{name} must be POSIX seconds, not {type(value).__name__}: write when.timestamp()")
    if value != value:  # NaN compares as neither past nor future
        raise TypeError(f"Identity.{name} is not a number")


def _names(scopes: object) -> frozenset[str]:
    if not isinstance(scopes, str) and hasattr(scopes, "__iter__"):
        names = frozenset(scopes)
        if all(isinstance(name, str) for name in names):
            return names
    raise TypeError(f"Identity.scopes must be a set of names, not {type(scopes).__name__}: write frozenset({{'read'}})")
