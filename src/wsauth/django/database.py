"""The one way from an event loop to Django's ORM: a single hop into the thread that Django's connections belong to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.core.exceptions import MultipleObjectsReturned, ObjectDoesNotExist, ValidationError
from django.db import DataError, InterfaceError, OperationalError, close_old_connections, connections

from wsauth.core.context import is_recheck
from wsauth.core.errors import VerifierUnavailable
from wsauth.django import recheck_thread

T = TypeVar("T")

# What the ORM and the database drivers raise for a value that is no key of the column: "true" for a number, NUL or a lone
# surrogate in a text, a number beyond the column, half a UUID; and for one that names no row, or several.
NO_SUCH_ROW = (
    ObjectDoesNotExist,
    MultipleObjectsReturned,
    ValidationError,
    ValueError,
    TypeError,
    OverflowError,
    DataError,
)


async def ask(function: Callable[..., T], *args: object) -> T:
    """Call `function` in Django's thread, or for a re-check in that of these. Raises VerifierUnavailable where the database
    cannot be reached.

    Django's thread is the thread-sensitive one of asgiref: with one of its own, a test's transaction would not be seen.
    """
    if is_recheck.get():
        await recheck_thread.enter()
    try:
        found: T = await hop(function, *args)
    except (OperationalError, InterfaceError) as error:
        raise VerifierUnavailable(f"the database cannot be asked: {type(error).__name__}") from None
    return found


def connected(function: Callable[..., T], *arguments: Any) -> T:
    """Call in Django's thread, without connections that are too old or that the server may have closed meanwhile.

    As Channels' `database_sync_to_async`, but for transactions: what is in one, the caller's or a test's, stays open.
    """
    if any(connection.in_atomic_block for connection in connections.all(initialized_only=True)):
        return function(*arguments)
    close_old_connections()
    try:
        return function(*arguments)
    finally:
        close_old_connections()


hop = sync_to_async(connected)  # into the thread that Django's connections belong to


def digest(secret: str) -> str:
    """Name a secret without telling it: its SHA-256, in hexadecimal."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
