"""Whose a connection is, until when, and who is asked whether that still holds.

The end is the earliest of what the identity says (by the wall clock) and what the policies allow (by the loop's). Looking
again may move the first of them, never the second.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from wsauth.asgi.agenda import Agenda
from wsauth.core.identity import Identity
from wsauth.core.reasons import Reason
from wsauth.revocation.connections import Standing

if TYPE_CHECKING:
    from wsauth.asgi.connection import Connection
    from wsauth.asgi.rechecks import Rechecks
    from wsauth.core.decision import Allow
    from wsauth.core.expiry_warning import ExpiryWarning
    from wsauth.core.scheme import SecurityScheme
    from wsauth.revocation.connections import Connections

logger = logging.getLogger("wsauth")

NEVER = float("inf")
HOLD = 2.0  # seconds that everything waits at the deadline, while the store is asked for a later one
SOON = 0.5  # seconds after which a client is warned of an end that is nearer than the warning should be


class Lease:
    """`deadline` is in the loop's time, and `reason` is what the connection ends with then.

    `since` is when the verification began, by the log's clock, and `position` the newest revocation at that moment.
    """

    __slots__ = (
        "_checks",
        "_held",
        "_limit",
        "_registries",
        "_wall",
        "_warn_at",
        "_warning",
        "connection",
        "deadline",
        "identity",
        "loop",
        "position",
        "reason",
        "scheme",
        "since",
    )

    def __init__(self, connection: Connection, loop: asyncio.AbstractEventLoop, wall: Callable[[], float]) -> None:
        self.identity = Identity.anonymous()
        self.scheme: SecurityScheme | None = None
        self.since = 0.0
        self.position = 0
        self.deadline = NEVER
        self.reason = Reason.EXPIRED
        self.connection = connection
        self.loop = loop
        self._wall = wall
        self._limit = NEVER
        self._warn_at = NEVER
        self._warning: ExpiryWarning | None = None
        self._registries: tuple[Connections, ...] = ()
        self._checks: tuple[Rechecks, ...] = ()
        self._held: asyncio.Future[None] | None = None

    # Whose

    @property
    def stateful(self) -> bool:
        """Whether a store vouches for the identity."""
        return self.scheme is not None and self.scheme.stateful

    @property
    def can_look_again(self) -> bool:
        """Whether somebody can be asked if the identity still holds."""
        return bool(self._checks)

    @property
    def sees_its_logs(self) -> bool:
        """Whether every revocation log that could end it is in reach."""
        return all(registry.sight.is_clear for registry in self._registries)

    @property
    def is_trusted_blindly(self) -> bool:
        """Whether it is kept where nothing can be asked about it."""
        return all(registry.sight.trusts for registry in self._registries)

    def take(
        self, allow: Allow, connections: Connections, position: int, since: float, *, waited: bool = False
    ) -> Standing | Reason:
        """Belong to an identity and register under it everywhere, without an await between, unless it was revoked meanwhile.

        `position` and `since` were noted before the identity was verified; `waited` as in `Connections.open`.
        """
        if connections not in self._registries:
            self._registries = (*self._registries, connections)
        before = self.identity, self.scheme, self.position, self.since
        # Before it can be found: whoever finds it must not judge it by what it was.
        self.identity, self.scheme, self.position, self.since = allow.identity, allow.scheme, position, since
        for registry in self._registries:
            standing = registry.open(self, allow.identity, position, stateful=self.stateful, waited=waited)
            if standing is not Standing.GOOD:
                self.identity, self.scheme, self.position, self.since = before
                return standing
        return Standing.GOOD

    def recheck(self, checks: Iterable[Rechecks], every: float) -> None:
        """Be looked at every so many seconds. The first policy's interval holds where two name the same rechecker."""
        for check in checks:
            if check not in self._checks:
                self._checks = (*self._checks, check)
                check.add(self, every)

    def renew(self, identity: Identity) -> Reason | None:
        """Take the identity as it stands now. Returns why the connection must end instead, where it must."""
        before = self.identity
        if identity.subject != before.subject:
            logger.error(
                "connection %s: its re-check answered another subject; it never changes hands", self.connection.id
            )
            return Reason.REVOKED
        if identity is not before:
            self.identity = replace(identity, scheme=before.scheme)
            for registry in self._registries:
                registry.move(self, self.identity)
            self.connection.refresh_scope(before)
        if identity.expires_at != before.expires_at or self._held is not None:
            self._arm()
        if self._held is not None and self.loop.time() < self.deadline:
            self._let_go()
        return None

    # Ending it, from any thread

    def end(self, reason: Reason) -> None:
        """Close the connection now."""
        self.connection.end(reason)

    def stop(self, reason: Reason) -> None:
        """Deliver nothing from now on, in either direction: the deadline has passed. An `end` must follow."""
        self.reason = reason
        self._limit = self.deadline = -NEVER

    def end_in(self, seconds: float, reason: Reason) -> None:
        """Close the connection in `seconds`, with a warning where its policy has one, unless it ends earlier."""
        self._soon(self._end_in, seconds, reason)

    def look_again(self, within: float = 0.0) -> None:
        """Have whoever can be asked say at a random moment of so many seconds whether the identity still holds."""
        self._soon(self._look, within)

    def _soon(self, function: Callable[..., object], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop is closed, and every connection of it
            self.loop.call_soon_threadsafe(function, *arguments)

    def _end_in(self, seconds: float, reason: Reason) -> None:
        when = self.loop.time() + seconds
        if when < self.deadline:
            self._limit, self.reason = when, reason
            self._arm()

    def _look(self, within: float = 0.0) -> None:
        for check in self._checks:
            check.look(self, within)

    # Until when

    def limit(self, seconds: float, warning: ExpiryWarning | None) -> None:
        """End in `seconds` at the latest, with a warning. Of several limits the earliest holds."""
        self._limit = min(self._limit, self.loop.time() + seconds)
        self._warning = warning or self._warning
        self._arm()

    def pass_deadline(self) -> asyncio.Future[None] | None:
        """The deadline is over: end, or hold everything until the store was asked for a later one, and return that."""
        if self._held is None:
            if not self._may_be_later():
                self.connection.expire(self.reason)
                return None
            self._held = self.loop.create_future()
            _agenda(self.loop).set(self, self.loop.time() + HOLD)
            self._look()
        return self._held

    def release(self) -> None:
        """Leave nothing behind: no deadline, no registry entry, no re-check."""
        _agenda(self.loop).discard(self)
        for registry in self._registries:
            registry.close(self)
        for check in self._checks:
            check.discard(self)
        self._registries, self._checks = (), ()
        self._let_go()

    def _arm(self) -> None:
        """Compute the deadline from what is known now, and see to it that it is kept."""
        now = self.loop.time()
        expires_at = self.identity.expires_at
        # Compared first: an int may be too big to subtract a float from.
        expires = NEVER if expires_at is None or expires_at > _LATEST else now + (expires_at - self._wall())
        self.deadline = min(self._limit, expires)
        self._warn_at = NEVER
        if self._warning is not None:
            self._warn_at = max(now + SOON, self.deadline - self._warning.before * random.uniform(1.0, 1.2))  # noqa: S311
        _agenda(self.loop).set(self, min(self.deadline, self._warn_at))

    def _may_be_later(self) -> bool:
        """Whether the store may have moved the end: it is the identity's own, and not that of a limit or a revocation."""
        return (
            self.stateful and self.can_look_again and self.reason is Reason.EXPIRED and self.loop.time() < self._limit
        )

    def _let_go(self) -> None:
        if self._held is not None and not self._held.done():
            self._held.set_result(None)
        self._held = None

    def _come_due(self) -> None:
        now = self.loop.time()
        if now >= self.deadline:
            if self._held is not None:
                self.connection.expire(self.reason)
            else:
                self.pass_deadline()
        else:
            self._warn_at = NEVER
            _agenda(self.loop).set(self, self.deadline)
            if self._warning is not None:
                self.connection.warn(self._warning.text(max(1, int(self.deadline - now))))

    @staticmethod
    def come_due(leases: Iterable[Lease]) -> None:
        for lease in leases:
            lease._come_due()

    @staticmethod
    def clock_jumped(leases: Iterable[Lease]) -> None:
        for lease in leases:
            lease._arm()


_LATEST = 1e12  # POSIX seconds: no date is later, and none is too big to compute with
_agendas: WeakKeyDictionary[asyncio.AbstractEventLoop, Agenda[Lease]] = WeakKeyDictionary()


def _agenda(loop: asyncio.AbstractEventLoop) -> Agenda[Lease]:
    agenda = _agendas.get(loop)
    if agenda is None:
        agenda = _agendas[loop] = Agenda(loop, Lease.come_due, Lease.clock_jumped)
    return agenda
