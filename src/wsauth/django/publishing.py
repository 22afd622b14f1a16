"""What happens in Django is told to every log, once, when it is committed, and never at the expense of the request."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Unpack

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from wsauth.core.reasons import Reason
from wsauth.revocation.connections import Connections
from wsauth.revocation.log import RevocationLog, RevocationNotRecorded
from wsauth.revocation.record import Verb
from wsauth.revocation.selector import Whom

logger = logging.getLogger("wsauth")

# Seconds until the stores are asked again: what the same request still does comes first. Who changes their own password gets
# a new session key after the user is saved, and is to reconnect with it rather than to log in.
AFTER = 0.2

_reported: set[str] = set()  # policies that could not be imported


def publish(
    verb: Verb,
    using: str | None,
    reason: Reason = Reason.REVOKED,
    *,
    is_stored: bool = False,
    until: float | None = None,
    **whom: Unpack[Whom],
) -> None:
    """Publish a `REVOKE` or `RECHECK` when the open transaction of the database `using` commits.

    A revocation is held as long as tokens live; for some minutes where a store judges it, `is_stored`; `until` (POSIX
    seconds) the end of the only token that it names. `using` None is for what is in no database, such as a session in a
    cache: that is published now, and stays published if a transaction is rolled back. What goes wrong is logged as an
    error, and found by the re-check.
    """

    def say(connections: Connections) -> object:
        if verb is Verb.RECHECK:
            return connections.recheck_now(after=AFTER, **whom)
        if is_stored or until is not None:
            return connections.end_now(reason, until=until, **whom)
        return connections.revoke_now(reason=reason, **whom)

    for connections in one_per_log():
        tell = partial(_tell, connections, say, verb, whom)
        try:
            if using is None:
                _tell_apart(connections.log, tell)
            elif _takes_part(connections.log, using):
                tell()
            else:
                transaction.on_commit(tell, using=using, robust=True)
        except Exception as error:  # where a project handles its transactions by hand
            _complain(verb, whom, error)


def _tell(connections: Connections, say: Callable[[Connections], object], verb: Verb, whom: Whom) -> None:
    try:
        say(connections)
    except Exception as error:
        _complain(verb, whom, error)


def _tell_apart(log: RevocationLog, tell: Callable[[], None]) -> None:
    """Tell now. A log that writes in the caller's transaction is to write this outside of it."""
    apart = getattr(log, "apart", None)
    if apart is None:
        tell()
    else:
        apart(tell)


def one_per_log() -> list[Connections]:
    """Return by whom to publish, so that each log of this process hears of it once."""
    _import_named_policy()
    return Connections.of_each_log()


def _import_named_policy() -> None:
    """WSGI workers and commands import no `asgi.py`: the setting WSAUTH_POLICY leads them to the log."""
    path: Any = getattr(settings, "WSAUTH_POLICY", None)
    if not isinstance(path, str):
        return
    try:
        import_string(path)
    except Exception as error:
        if path not in _reported:
            _reported.add(path)
            kind = type(error).__name__
            logger.error("WSAUTH_POLICY = %r cannot be imported (%s), and its log hears of nothing", path, kind)


def _takes_part(log: RevocationLog, using: str) -> bool:
    """Whether the log writes in that database's transaction, and so must be told before its commit."""
    return log.in_transaction and getattr(log, "alias", using) == using


def _complain(verb: Verb, whom: Whom, error: Exception) -> None:
    why = str(error) if isinstance(error, RevocationNotRecorded) else type(error).__name__
    logger.error("%s by %s is left to the re-check: %s", verb.value, " and ".join(whom), why)
