"""Many look-ups at the price of one, and what a re-check makes of the answers.

One odd value, one broken row or one faulty backend never spoils the answers for others; a store that is away is away for
all of them.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import InterfaceError, OperationalError
from django.db.models import QuerySet

from wsauth.core.errors import InvalidCredentials, VerifierUnavailable
from wsauth.core.reasons import Reason
from wsauth.django import prepared
from wsauth.django.database import NO_SUCH_ROW

if TYPE_CHECKING:
    from wsauth.core.identity import Identity
    from wsauth.core.verifier import Finding

T = TypeVar("T")
Result = TypeVar("Result")

SLOW = 1.0  # seconds
UNKNOWN_USER = "the user is unknown or inactive"


def each(function: Callable[[T], Result], items: Iterable[T]) -> list[Result | Exception]:
    """Call `function` for one item after the other. What it raises is the answer for that item alone.

    A store that cannot be reached is raised at once, and so is an error that took over a second to come: it is a store that
    does not answer, and all of Django's database work would wait for it again with every item.
    """

    def answer(item: T) -> Result | Exception:
        began = time.monotonic()
        try:
            return function(item)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            if time.monotonic() - began > SLOW:
                raise VerifierUnavailable(f"a store does not answer: {type(error).__name__}") from None
            return error

    return [answer(item) for item in items]


def rows_in(manager: Any, field: str, values: Iterable[Any], using: str = "") -> list[Any]:
    """Return the rows whose `field` is one of the values, in one query, from this database or whatever the routers say.

    Where a value is none that the column could hold, all are asked for one by one, and that one finds nothing. A
    collation may match other spellings: the caller compares.
    """
    values = list(values)
    if not values:
        return []
    if using:
        manager = manager.using(using) if isinstance(manager, QuerySet) else manager.db_manager(using)
    try:
        return prepared.rows(manager, field, values)
    except NO_SUCH_ROW:
        found = [_row(manager, field, value) for value in values]
        return list({row.pk: row for row in found if row is not None}.values())


def _row(manager: Any, field: str, value: Any) -> Any:
    try:
        return manager.get(**{field: value})
    except NO_SUCH_ROW:
        return None


def by_text(rows: Iterable[Any], field: str) -> dict[str, Any]:
    """Name each row by the text of its field. A text that names several rows names none."""
    named: dict[str, Any] = {}
    for row in rows:
        text = str(getattr(row, field))
        named[text] = None if text in named else row
    return named


class Fresh:
    """What identities become whose credential was looked at again.

    Every connection has a user object of its own, though one row was read for many: what a consumer sets on its user is
    not for others to see.
    """

    def __init__(self) -> None:
        self._given: set[int] = set()

    def own(self, user: Any) -> Any:
        if id(user) in self._given:
            return copy.copy(user)
        self._given.add(id(user))
        return user

    def identity(self, identity: Identity, user: Any, unknown: str = UNKNOWN_USER, **changes: Any) -> Finding:
        """Return the identity with its user as he is now; why it holds no longer where there is none, or another one.

        Who acts as another keeps that user: `users.rechecked` looks at him.
        """
        if user is None:
            return InvalidCredentials(unknown, Reason.REVOKED)
        if str(user.pk) != subject_of(identity):
            return InvalidCredentials("the credential is another user's now", Reason.REVOKED)
        if identity.subject != subject_of(identity):
            return replace(identity, **changes)
        return replace(identity, user=self.own(user), **changes)


def subject_of(identity: Identity) -> str:
    """Return whom a verifier proved, where a subclass of it has made another subject of him since.

    What a `Mapped` inside of it did came before.
    """
    return identity.subject if identity.found is not None else identity.proven_subject
