"""Whose a connection is, until when, and who is asked whether that still holds.

The end is the earliest of what the identity says (by the wall clock) and what the policies allow (by the loop's). Looking
again may move the first of them, never the second. At the first, where a store vouches for the identity, everything is
held for a moment and the store asked: a session that was used meanwhile lives longer.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from wsauth.asgi.agenda import Agenda
from wsauth.asgi.kept import kept
from wsauth.asgi.log import ration
from wsauth.core.context import NOTHING
from wsauth.core.identity import Identity
from wsauth.core.reasons import Reason
from wsauth.revocation.connections import Standing
from wsauth.revocation.ending import SLICE

if TYPE_CHECKING:
    from wsauth.asgi.connection import Connection
    from wsauth.asgi.rechecks import Rechecks
    from wsauth.core.decision import Allow
    from wsauth.core.expiry_warning import ExpiryWarning
    from wsauth.core.scheme import SecurityScheme
    from wsauth.policy import Policy
    from wsauth.revocation.connections import Connections

logger = logging.getLogger("wsauth")

NEVER = float("inf")
NOBODY = Identity.anonymous()
HOLD = 2.0  # seconds that everything waits at the deadline, while the store is asked for a later one
SOON = 0.5  # seconds after which a client is warned of an end that is nearer than the warning should be
SAME = 1.0  # seconds that a deadline may move without another warning

_LATEST = 1e12  # POSIX seconds: no date is later, and none is too big to compute with


class Lease:
    """`deadline` is in the loop's time: from then on nothing is delivered, in either direction.

    `since` is when the verification began, by the log's clock, and `position` the newest revocation at that moment.
    """

    __slots__ = (
        "_announced",
        "_checks",
        "_held",
        "_is_over",
        "_limit",
        "_limit_reason",
        "_registries",
        "_unanswered",
        "_wall",
        "_warning",
        "connection",
        "deadline",
        "identity",
        "loop",
        "position",
        "scheme",
        "since",
    )

    def __init__(self, connection: Connection, loop: asyncio.AbstractEventLoop, wall: Callable[[], float]) -> None:
        self.identity = NOBODY
        self.scheme: SecurityScheme | None = None
        self.since = 0.0
        self.position = 0
        self.deadline = NEVER
        self.connection = connection
        self.loop = loop
        self._wall = wall
        self._limit = NEVER
        self._limit_reason = Reason.EXPIRED
        self._warning: ExpiryWarning | None = None
        self._announced = NEVER  # the deadline that the client was warned of
        self._registries: tuple[Connections, ...] = ()
        self._checks: tuple[Rechecks, ...] = ()
        self._held: asyncio.Future[None] | None = None
        self._unanswered: tuple[Rechecks, ...] = ()
        self._is_over = False

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
        self,
        allow: Allow,
        policy: Policy,
        checks: Iterable[Rechecks],
        position: int,
        since: float,
        *,
        waited: bool = False,
    ) -> Standing | Reason:
        """Belong to an identity and register under it everywhere, without an await between, unless it was revoked meanwhile.

        From then on `checks` look at it. `position` and `since` were noted before the identity was verified; `waited` as in
        `Connections.open`.
        """
        if self._is_over:
            return Reason.GOING_AWAY
        if policy.connections not in self._registries:
            self._registries = (*self._registries, policy.connections)
        before = self.identity, self.scheme, self.position, self.since, self._checks
        # All of it before it can be found: whoever finds it must not judge it by what it was.
        added = tuple(check for check in checks if check not in self._checks)
        self.identity, self.scheme, self.position, self.since = allow.identity, allow.scheme, position, since
        self._checks += added
        for registry in self._registries:
            standing = registry.open(self, allow.identity, position, stateful=self.stateful, waited=waited)
            if standing is not Standing.GOOD:
                self.identity, self.scheme, self.position, self.since, self._checks = before
                return standing
        variables = kept(policy) if added else NOTHING
        for check in added:  # where two policies name the same, the outer one's interval and context hold
            check.add(self, policy.recheck_every or NEVER, variables)
        self._warning = policy.expiry_warning or self._warning
        self.limit(policy.max_lifetime)
        return Standing.GOOD

    def renew(self, identity: Identity) -> Reason | None:
        """Take the identity as it stands now. Returns why the connection must end instead, where it must."""
        before = self.identity
        if (identity.subject, identity.issuer) != (before.subject, before.issuer):
            if ration.admits("connections that would change hands", logging.ERROR):
                logger.error(
                    "connection %s: its re-check answered another subject, or that of another issuer; it never changes"
                    " hands",
                    self.connection.id,
                )
            return Reason.REVOKED
        self.identity = replace(identity, scheme=before.scheme)
        for registry in self._registries:
            if (reason := registry.move(self, self.identity)) is not None:
                return reason
        self.connection.refresh_scopes(before)
        if identity.expires_at != before.expires_at:
            self._arm()
        return None

    # Ending it, from any thread

    def end(self, reason: Reason) -> None:
        """Close the connection now."""
        self.connection.end(reason)

    def close(self, reason: Reason) -> None:
        """Send the close; on the loop only. The application is told by `wake`."""
        self.connection.close(reason)

    def wake(self) -> None:
        """Let the application know that it is over; on the loop only."""
        self.connection.wake()

    def stop(self, reason: Reason) -> None:
        """Deliver nothing from now on, in either direction: the deadline has passed. An `end` must follow."""
        self._limit_reason = reason
        self._limit = self.deadline = -NEVER
        self.connection.keep_open()

    def reconsider(self) -> None:
        """Have the next message wait for the logs, where they have been silent for too long."""
        self.connection.keep_open()

    def end_in(self, seconds: float, reason: Reason) -> None:
        """Close the connection in `seconds`, with a warning where its policy has one, unless it ends earlier."""
        self._soon(self.limit, seconds, reason)

    def look_again(self, within: float = 0.0, after: float = 0.0) -> None:
        """Have whoever can be asked say at a random moment of so many seconds whether the identity still holds."""
        self._soon(self._look, within, after)

    def _soon(self, function: Callable[..., object], *arguments: object) -> None:
        try:
            self.loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:  # the loop is closed, and every connection of it
            self.connection.release()

    def _look(self, within: float = 0.0, after: float = 0.0) -> None:
        for check in self._checks:
            check.look(self, within, after)

    # Until when

    @property
    def passes_until(self) -> float:
        """Until when (in the loop's time) messages pass without a look at the deadline and the logs."""
        seconds = min((registry.sight.passage.seconds(self) for registry in self._registries), default=NEVER)
        return min(self.deadline, self.loop.time() + seconds)

    def hold(self) -> asyncio.Future[None] | None:
        """What messages wait for: at the deadline for the store, and for a log that was silent for too long."""
        if self.loop.time() >= self.deadline:
            return self.pass_deadline()
        passages = [registry.sight.passage for registry in self._registries]
        return next((passage.wait() for passage in passages if not passage.seconds(self)), None)

    def limit(self, seconds: float, reason: Reason = Reason.EXPIRED) -> None:
        """End in `seconds` at the latest. Of several limits the earliest holds."""
        when = self.loop.time() + seconds
        if when < self._limit:
            self._limit, self._limit_reason = when, reason
        self._arm()

    def pass_deadline(self) -> asyncio.Future[None] | None:
        """The deadline is over: end, or hold everything until the store was asked for a later one, and return that."""
        if self._held is None:
            own = self.deadline < self._limit  # of the identity, rather than of a limit or a revocation
            if not (own and self.stateful and self._checks):
                self._expire()
                return None
            self._held = self.loop.create_future()
            self._unanswered = self._checks
            _agenda(self.loop).set(self, min(self._limit, self.loop.time() + HOLD))
            self._look()
        return self._held

    def answered(self, check: Rechecks) -> None:
        """Somebody has answered, and what was to be learned of it is learned. Without a later end it is over."""
        self._unanswered = tuple(other for other in self._unanswered if other is not check)
        if self._held is not None and not self._unanswered:
            self._expire()

    def release(self) -> None:
        """Leave nothing behind: no deadline, no registry entry, no re-check."""
        if self._is_over:
            return
        self._is_over = True
        agenda = _agendas.get(self.loop)
        if agenda is not None:
            agenda.discard(self)
            if not agenda:
                del _agendas[self.loop]
        for registry in self._registries:
            registry.close(self)
        for check in self._checks:
            check.discard(self)
        self._registries = self._checks = ()
        self._let_go()

    def _expire(self) -> None:
        self.connection.expire(Reason.EXPIRED if self.deadline < self._limit else self._limit_reason)

    def _arm(self) -> None:
        """Compute the deadline from what is known now, and see to it that it is kept, with a warning before."""
        if self._is_over:
            return
        now = self.loop.time()
        self.deadline = min(self._limit, self._expires(now))
        self.connection.keep_open()
        if self._held is not None:
            if now >= self.deadline:
                return  # the others may still know of a later one
            self._let_go()
        due = self.deadline
        if self._warning is not None and abs(due - self._announced) > SAME:
            before = self._warning.before * random.uniform(1.0, 1.2)  # noqa: S311 - no secret
            due = min(due, max(now + SOON * random.uniform(1.0, 2.0), due - before))  # noqa: S311
        _agenda(self.loop).set(self, due)

    def _expires(self, now: float) -> float:
        """When the identity expires, in the loop's time."""
        expires_at = self.identity.expires_at
        if expires_at is None:
            return NEVER
        return now + (
            min(max(expires_at, 0), _LATEST) - self._wall()
        )  # bounded first: an int may be too big for a float

    def _let_go(self) -> None:
        if self._held is not None and not self._held.done() and not self.loop.is_closed():
            self._held.set_result(None)
        self._held = None

    def _come_due(self, now: float) -> None:
        if now < self.deadline:
            self._warn(now)
        elif self._held is None:
            self.pass_deadline()
        else:
            self._expire()

    def _warn(self, now: float) -> None:
        if not self.connection.is_accepted:
            _agenda(self.loop).set(self, min(self.deadline, now + SOON))
            return
        self._announced = self.deadline
        _agenda(self.loop).set(self, self.deadline)
        if self._warning and (text := self._warning.message(max(1, int(self.deadline - now)))) is not None:
            self.connection.warn(text)

    @staticmethod
    def come_due(leases: Iterable[Lease], now: float) -> None:
        for lease in leases:
            lease._come_due(now)

    @staticmethod
    def clock_jumped(leases: Iterable[Lease]) -> None:
        for lease in leases:
            lease._arm()


_agendas: dict[asyncio.AbstractEventLoop, Agenda[Lease]] = {}  # of loops with live connections


def _agenda(loop: asyncio.AbstractEventLoop) -> Agenda[Lease]:
    agenda = _agendas.get(loop)
    if agenda is None:
        agenda = _agendas[loop] = Agenda(loop, Lease.come_due, Lease.clock_jumped, at_once=SLICE)
    return agenda
