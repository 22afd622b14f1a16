"""Django REST framework's own tokens: one key per user, in a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from wsauth.core.errors import InvalidCredentials
from wsauth.core.identity import Identity
from wsauth.django.database import NO_SUCH_ROW, ask, digest
from wsauth.django.scope import DjangoScope

if TYPE_CHECKING:
    from wsauth.core.credentials import Credentials
    from wsauth.core.handshake import Handshake


class DRFTokenVerifier:
    """Accepts the key of a `rest_framework.authtoken` token whose user is active.

    `Identity.token_id` is the SHA-256 of the key. The token has no end of its own: it is good until its row is deleted.
    Raises InvalidCredentials for every other key, with one explanation for an unknown key and an inactive user.
    """

    stateful: ClassVar[bool] = True
    framework: ClassVar[DjangoScope] = DjangoScope()

    async def verify(self, credentials: Credentials, handshake: Handshake) -> Identity:
        identity = await ask(_identify, credentials.secret)
        if identity is None:
            raise InvalidCredentials("the token is unknown or its user inactive")
        return identity


def _identify(key: str) -> Identity | None:
    # Token itself, not TokenProxy, whose primary key is the user's.
    from rest_framework.authtoken.models import Token

    if not key.isascii():
        return None
    try:
        token = Token.objects.select_related("user").get(key=key)
    except NO_SUCH_ROW:
        return None
    if token.key != key or not token.user.is_active:  # a collation may match a key in another case
        return None
    return Identity(
        subject=str(token.user.pk), user=token.user, token_id=digest(key), issued_at=token.created.timestamp()
    )
