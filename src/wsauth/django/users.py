"""From a proven subject to the Django user who bears it."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings

from wsauth.core.active import is_active
from wsauth.core.errors import ConfigurationError, InvalidCredentials, VerifierUnavailable
from wsauth.core.identity import Identity
from wsauth.core.ration import Ration
from wsauth.core.reasons import Reason
from wsauth.core.verifier import Finding, Verifier, VerifierFunction, as_verifier
from wsauth.django.database import NO_SUCH_ROW, ask
from wsauth.django.lookups import UNKNOWN_USER, Fresh, by_text, rows_in, subject_of
from wsauth.django.places import Place, by_place, place_of_users
from wsauth.django.scope import DjangoScope
from wsauth.django.together import Together
from wsauth.verifiers.around import Around

if TYPE_CHECKING:
    from wsauth.core.credentials import Credentials
    from wsauth.core.handshake import Handshake


logger = logging.getLogger("wsauth")
_ration = Ration(time.monotonic)


Name = tuple[str, str]  # of a user: a field, and exactly its text


class UserVerifier(Around):
    """Accepts what `inner` accepts, if the subject is an active Django user, and gives the identity that user.

        UserVerifier(JWTVerifier(key, algorithms=["HS256"]))
        UserVerifier(JWTVerifier(JWKS(url), algorithms=["RS256"], issuer=...), field="username")

    The subject must be exactly the text of the user's `field`: `str(getattr(user, field))`. What a database takes for
    equal (another case, a trailing blank, "01", True) is refused. `Identity.subject` becomes the primary key as text,
    so that one user has one subject however they connect. An unknown or inactive user raises InvalidCredentials.

    Where tokens come from several issuers, each has a subject "1", and a field of its own for it:

        UserVerifier(JWTVerifier(issuer={OURS: key, GOOGLE: JWKS(url)}, ...), field={OURS: "pk", GOOGLE: "google_sub"})

    Raises ConfigurationError for one field with several issuers.

    The user is read with the `_default_manager` of the project's user model, as Django's ModelBackend does.
    """

    framework: ClassVar[DjangoScope] = DjangoScope()

    def __init__(self, inner: Verifier | VerifierFunction, field: str | Mapping[str, str] = "pk") -> None:
        self._inner = as_verifier(inner, "UserVerifier")
        _check_fields(field, self.issuers)
        self.field = field
        self._together: Together[Name, Any] = Together(self._users, _place)

    def __repr__(self) -> str:
        return f"UserVerifier({self._inner!r}, field={self.field!r})"

    @property
    def fields(self) -> frozenset[str]:
        """The fields of the user model that subjects are looked for in."""
        return frozenset([self.field] if isinstance(self.field, str) else self.field.values())

    async def verify(self, credentials: Credentials, handshake: Handshake) -> Identity | None:
        identity = await self._inner.verify(credentials, handshake)
        if identity is None or identity.is_anonymous:
            return identity
        user = await self._together.ask((self._field(identity), identity.subject))
        if user is None:
            raise InvalidCredentials(UNKNOWN_USER)
        subject = str(user.pk)
        mapped = identity.found is not None and identity.acts_as_another
        return replace(
            identity, user=user, subject=subject, proven_subject=identity.proven_subject if mapped else subject
        )

    def _field(self, identity: Identity) -> str:
        """The field that the subject is the text of. Raises where nobody has said so of this issuer's subjects."""
        if not isinstance(self.field, str):
            if (field := self.field.get(identity.issuer or "")) is None:
                raise InvalidCredentials("no field is named for the issuer")
            return field
        if identity.issuer is not None and self.issuers is None:  # there may be others with the same subjects
            if _ration.admits("issuers that nobody has named", logging.ERROR):
                logger.error(
                    "%s names the issuer %r, and does not say in an attribute `issuers` that there is no other; write"
                    " UserVerifier(..., field={%r: %r})",
                    *(type(self._inner).__name__, identity.issuer, identity.issuer, self.field),
                )
            raise VerifierUnavailable("UserVerifier has one field for an unknown number of issuers")
        return self.field

    def _users(self, names: Sequence[Name], place: Place) -> list[Any]:
        """Return for each name its active user, for none but that handshake; None where there is none."""
        found, fresh = _named(names, place), Fresh()
        return [None if (user := found.get(name)) is None else fresh.own(user) for name in names]

    async def recheck(self, identities: Sequence[Identity]) -> list[Finding]:
        """Let `inner` look again, if it can, and then look the users up again in one query. Raises VerifierUnavailable."""
        return await rechecked(identities, self._recheck)

    async def _recheck(self, identities: Sequence[Identity], place: Place) -> list[Finding]:
        names = await self._names(identities, place)
        proven = await self._recheck_inner([_as_proven(*pair) for pair in zip(identities, names, strict=True)])
        asked = [
            (self._field(identity), found.subject)
            if isinstance(found, Identity) and identity.is_authenticated and found.is_authenticated
            else None
            for identity, found in zip(identities, proven, strict=True)
        ]
        users = await ask(_named, [name for name in asked if name is not None], place)
        fresh = Fresh()
        return [
            fresh.identity(_again(found, identity), users.get(name))
            if isinstance(found, Identity) and identity.is_authenticated
            else found
            for identity, found, name in zip(identities, proven, asked, strict=True)
        ]

    async def _names(self, identities: Sequence[Identity], place: Place) -> list[str]:
        """Return the subjects that `inner` gave the identities: that text was exactly the field of the user."""
        if self.field == "pk":
            return list(map(subject_of, identities))
        acting = {subject_of(identity) for identity in identities if identity.subject != subject_of(identity)}
        users = await ask(active_users, "pk", acting, place) if acting else {}
        return [
            str(getattr(users.get(subject_of(identity), identity.user), self._field(identity), ""))
            for identity in identities
        ]

    async def _recheck_inner(self, identities: Sequence[Identity]) -> Sequence[Finding]:
        recheck = getattr(self._inner, "recheck", None)
        return identities if recheck is None else await recheck(identities)


def _as_proven(identity: Identity, name: str) -> Identity:
    """Return the identity as `inner` gave it, by name; the rest of it is as it stands now."""
    if identity.is_anonymous or identity.subject == name:
        return identity
    proven = identity.proven_subject if identity.found is not None else name
    return replace(identity, subject=name, proven_subject=proven)


def _again(found: Identity, identity: Identity) -> Identity:
    return replace(found, subject=identity.subject, proven_subject=identity.proven_subject, user=identity.user)


async def rechecked(
    identities: Sequence[Identity], recheck: Callable[[Sequence[Identity], Place], Awaitable[Sequence[Finding]]]
) -> list[Finding]:
    """Re-check identities where each came from, and then those users whom a subclass of the verifier put in.

    He may be another than the one whom the credential names (impersonation). Raises VerifierUnavailable.
    """
    findings = await by_place(identities, recheck)
    others = [n for n, found in enumerate(findings) if _is_put_in(found, identities[n])]
    if others:
        judged = await by_place([findings[n] for n in others], _users_now)  # type: ignore[misc]  # all are identities
        for n, finding in zip(others, judged, strict=True):
            findings[n] = finding
    return findings


def _is_put_in(found: Finding, identity: Identity) -> bool:
    """Whether the user is one of Django's whom the re-check has not read."""
    if not isinstance(found, Identity) or found.is_anonymous or found.user is not identity.user:
        return False
    from django.contrib.auth import get_user_model

    return isinstance(found.user, get_user_model()) and str(found.user.pk) == found.subject


async def _users_now(identities: Sequence[Identity], place: Place) -> list[Finding]:
    users = await ask(active_users, "pk", {identity.subject for identity in identities}, place)
    fresh = Fresh()
    return [
        InvalidCredentials(UNKNOWN_USER, Reason.REVOKED)
        if (user := users.get(identity.subject)) is None
        else replace(identity, user=fresh.own(user))
        for identity in identities
    ]


async def load_user(claims: Mapping[str, Any]) -> Any:
    """Return the active user whom the claims name; None for nobody. For `JWTVerifier(..., load_user=load_user)`.

    The user is named by `sub`, or by simplejwt's `user_id` (SIMPLE_JWT's USER_ID_CLAIM and USER_ID_FIELD). Claims that
    name two users are nobody's. `UserVerifier` does the same and gives consumers `session` and `cookies` besides, and it
    knows several issuers apart, whom this one refuses.
    """
    options = getattr(settings, "SIMPLE_JWT", {})
    names = ("sub", options.get("USER_ID_CLAIM", "user_id"))
    subjects = {text_of(claims[name]) for name in names if name in claims}
    subject = subjects.pop() if len(subjects) == 1 else None
    field = options.get("USER_ID_FIELD", "pk")
    return None if subject is None else await ask(active_user, field, subject)


load_user.knows_one_issuer = True  # type: ignore[attr-defined]  # for JWTVerifier


def text_of(claim: object) -> str | None:
    """The text of a claim that may name a user; None for a claim of another kind. True is no number: it would be 1."""
    return str(claim) if type(claim) in (str, int) else None


def active_user(field: str, subject: str) -> Any:
    """Return the active user whose `field` is exactly `subject`, else None. Never raises for an odd subject."""
    from django.contrib.auth import get_user_model

    try:
        user = get_user_model()._default_manager.get(**{field: subject})
    except NO_SUCH_ROW:
        return None
    return user if is_exactly(user, field, subject) else None


def _place() -> Place:
    from django.contrib.auth import get_user_model

    return place_of_users(get_user_model()._default_manager)


def active_users(field: str, subjects: Collection[str], place: Place) -> dict[str, Any]:
    """Return by subject the active users whose `field` is exactly one of the subjects, in one query."""
    from django.contrib.auth import get_user_model

    rows = by_text(rows_in(get_user_model()._default_manager, field, subjects, place[1]), field)
    return {name: user for name, user in rows.items() if user is not None and is_exactly(user, field, name)}


def _named(names: Collection[Name], place: Place) -> dict[Name | None, Any]:
    """Return by name the active users, in one query for each field."""
    return {
        (field, subject): user
        for field in {field for field, _ in names}
        for subject, user in active_users(field, {name[1] for name in names if name[0] == field}, place).items()
    }


def is_exactly(user: Any, field: str, subject: str) -> bool:
    """Whether the user is active and bears that very name: collations and number fields also match other spellings."""
    return str(getattr(user, field)) == subject and is_active(user)


def _check_fields(field: str | Mapping[str, str], issuers: frozenset[str] | None) -> None:
    """Raise ConfigurationError unless a field is named for the subjects of every issuer."""
    by_issuer = field if isinstance(field, Mapping) else {}
    for name in by_issuer.values() if by_issuer else [field]:
        if not isinstance(name, str) or not name.isidentifier() or "__" in name:
            raise ConfigurationError(f"UserVerifier(field={field!r}): write the name of a field of your user model")
    if issuers is None or by_issuer.keys() == issuers or (len(issuers) == 1 and not by_issuer):
        return
    names = ", ".join(f'"{issuer}": ...' for issuer in sorted(issuers))
    raise ConfigurationError(
        f"UserVerifier(field={field!r}): the tokens are of other issuers than it has fields for, and a subject is a"
        f" person only together with its issuer; write field={{{names}}}, each with the name of a field of your user model"
    )
