"""The seam of all places where a credential can travel, and the rules that every one of them shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from wsauth.core.credentials import Credentials
from wsauth.core.errors import InvalidCredentials
from wsauth.core.handshake import Handshake
from wsauth.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import MutableMapping

MAX_PARTS = 1000  # of a query: what is longer costs time, and is nobody's
MAX_SECRET = 8192  # bytes; a JWT of that size does not fit the request head that most servers accept


@runtime_checkable
class Location(Protocol):
    """A place in the handshake.

    `ambient` is whether a browser sends the credential by itself, and so for any page that asks (CSWSH): such a
    credential is verified only for an allowed Origin.
    """

    @property
    def ambient(self) -> bool: ...

    def read(self, handshake: Handshake) -> Credentials | None:
        """Return the credential, or None where there is none. Raise InvalidCredentials where it is irregular."""

    def strip(self, scope: MutableMapping[str, Any]) -> None:
        """Take the credential out of an ASGI scope, irregular or not, and leave everything else as it is."""


def malformed(detail: str) -> InvalidCredentials:
    return InvalidCredentials(detail, Reason.MALFORMED)


def credentials(secret: str, where: str) -> Credentials:
    """Wrap a secret that is visible ASCII of a sane size; anything else is malformed."""
    if not secret:
        raise malformed(f"{where} is empty")
    if len(secret) > MAX_SECRET:
        raise malformed(f"{where} is longer than {MAX_SECRET} bytes")
    if not is_visible(secret):
        raise malformed(f"{where} holds characters other than visible ASCII")
    return Credentials(secret)


def is_visible(text: object) -> bool:
    return isinstance(text, str) and text.isascii() and text.isprintable() and " " not in text and text != ""


def presents(location: Location, scope: MutableMapping[str, Any]) -> bool:
    """Whether there is something in the scope that the location would accept or refuse."""
    try:
        return location.read(Handshake.from_scope(scope)) is not None
    except InvalidCredentials:
        return True
