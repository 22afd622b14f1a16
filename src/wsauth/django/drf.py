"""Django REST framework's own tokens: one key per user, in a table."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from wsauth.core.active import is_active
from wsauth.core.errors import InvalidCredentials
from wsauth.core.identity import Identity
from wsauth.django.database import ask, digest
from wsauth.django.lookups import Fresh, rows_in, subject_of
from wsauth.django.places import Place, place_of_users
from wsauth.django.scope import DjangoScope
from wsauth.django.together import Together
from wsauth.django.users import rechecked

if TYPE_CHECKING:
    from wsauth.core.credentials import Credentials
    from wsauth.core.handshake import Handshake
    from wsauth.core.verifier import Finding

UNKNOWN_TOKEN = "the token is unknown or its user inactive"  # noqa: S105 - no token


class DRFTokenVerifier:
    """Accepts the key of a `rest_framework.authtoken` token whose user is active.

    `Identity.token_id` is the SHA-256 of the key. The token has no end of its own: it is good until its row is deleted.
    Raises InvalidCredentials for every other key, with one explanation for an unknown key and an inactive user.
    """

    stateful: ClassVar[bool] = True
    framework: ClassVar[DjangoScope] = DjangoScope()

    def __init__(self) -> None:
        self._together: Together[str, Identity | None] = Together(_identify, _place)

    async def verify(self, credentials: Credentials, handshake: Handshake) -> Identity:
        identity = await self._together.ask(credentials.secret)
        if identity is None:
            raise InvalidCredentials(UNKNOWN_TOKEN)
        return identity

    async def recheck(self, identities: Sequence[Identity]) -> list[Finding]:
        """Look the tokens up again, by their users: no key is kept. Raises VerifierUnavailable."""
        return await rechecked(identities, self._recheck)

    async def _recheck(self, identities: Sequence[Identity], place: Place) -> list[Finding]:
        users = await ask(_users, set(map(subject_of, identities)), place)
        fresh = Fresh()
        return [fresh.identity(identity, users.get(identity.token_id), UNKNOWN_TOKEN) for identity in identities]


def _place() -> Place:
    from rest_framework.authtoken.models import Token

    return place_of_users(Token.objects)


def _identify(keys: Sequence[str], place: Place) -> list[Identity | None]:
    """Return for each key the identity that it proves, with a user of its own, in one query."""
    # Token itself, not TokenProxy, whose primary key is the user's.
    from rest_framework.authtoken.models import Token

    rows = rows_in(Token.objects.select_related("user"), "key", filter(str.isascii, keys), place[1])
    tokens = {token.key: token for token in rows}
    fresh = Fresh()
    return [_identity(tokens.get(key), fresh) for key in keys]  # exactly: a collation may match a key in another case


def _identity(token: Any, fresh: Fresh) -> Identity | None:
    if token is None or not is_active(token.user):
        return None
    return Identity(
        subject=str(token.user.pk),
        user=fresh.own(token.user),
        token_id=digest(token.key),
        issued_at=token.created.timestamp(),
    )


def _users(subjects: Collection[str], place: Place) -> dict[str | None, Any]:
    """Return the active users who have a token, by its token id, in one query."""
    from rest_framework.authtoken.models import Token

    tokens = rows_in(Token.objects.select_related("user"), "user", subjects, place[1])
    return {digest(token.key): token.user for token in tokens if is_active(token.user)}
