"""Asking again whether those who are connected may still be: the only thing that sees a change which nobody announced.

One look-up for many, at random moments about an interval apart. Whoever cannot be asked is asked again soon; what could not
be confirmed for `UNCONFIRMED` seconds beyond its interval is closed.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from wsauth.asgi.agenda import Agenda
from wsauth.core.errors import InvalidCredentials, VerifierUnavailable
from wsauth.core.events import EventKind
from wsauth.core.identity import Identity
from wsauth.core.reasons import Reason

if TYPE_CHECKING:
    from wsauth.asgi.lease import Lease
    from wsauth.core.verifier import Finding, Rechecker

logger = logging.getLogger("wsauth")

BATCH = 500  # connections
TIMEOUT = 10.0  # seconds for one batch
RETRY = 10.0  # seconds until a look that failed is tried again
UNCONFIRMED = 60.0  # seconds that a connection is kept while it cannot be confirmed
SPREAD = 0.2  # of the interval, earlier or later


class Rechecks:
    """The connections of one event loop that one rechecker is asked about."""

    @classmethod
    def of(cls, rechecker: Rechecker) -> Rechecks:
        """Return that of the running loop."""
        loop = asyncio.get_running_loop()
        theirs = _of_loops.setdefault(loop, {})
        return theirs.setdefault(id(rechecker), cls(rechecker, loop))

    def __init__(self, rechecker: Rechecker, loop: asyncio.AbstractEventLoop) -> None:
        self._rechecker = rechecker  # which also keeps its id from being another's
        self._loop = loop
        self._agenda: Agenda[Lease] = Agenda(loop, self._start)
        self._intervals: dict[Lease, float] = {}
        self._failing_since: dict[Lease, float] = {}
        self._waiting: deque[Lease] = deque()
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._intervals)

    def add(self, lease: Lease, every: float) -> None:
        """Look at a connection every so many seconds, give or take a fifth."""
        self._intervals[lease] = every
        self._set(lease)

    def discard(self, lease: Lease) -> None:
        self._agenda.discard(lease)
        self._failing_since.pop(lease, None)
        self._intervals.pop(lease, None)
        if not self._intervals:
            _of_loops.get(self._loop, {}).pop(id(self._rechecker), None)

    def look(self, lease: Lease, within: float = 0.0) -> None:
        """Look at a connection at a random moment of so many seconds, again where a look is under way."""
        if lease in self._intervals:
            when = self._loop.time() + random.uniform(0, within)  # noqa: S311 - no secret
            self._agenda.set(lease, min(when, self._agenda.moment(lease)))

    def _set(self, lease: Lease) -> None:
        """Sooner than usual where something is amiss: a look that failed, or a log that is out of reach."""
        seconds = self._intervals[lease]
        if lease in self._failing_since or not lease.sees_its_logs:
            seconds = min(seconds, RETRY)
        self._agenda.set(lease, self._loop.time() + seconds * random.uniform(1 - SPREAD, 1 + SPREAD))  # noqa: S311

    def _start(self, due: list[Lease]) -> None:
        self._waiting.extend(due)
        if self._task is None:
            # In a context of its own: that of the connection which happened to come first is none of the others' business.
            self._task = self._loop.create_task(self._work(), context=contextvars.Context())

    async def _work(self) -> None:
        """One batch after the other: a store that is slow is not asked twice at once."""
        try:
            while self._waiting:
                await self._look([self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))])
        finally:
            self._task = None

    async def _look(self, batch: list[Lease]) -> None:
        began = self._loop.time()
        findings = await self._ask([lease.identity for lease in batch])
        took = self._loop.time() - began
        for lease, finding in zip(batch, findings, strict=True):
            if lease in self._intervals:
                self._conclude(lease, finding, took)

    async def _ask(self, identities: list[Identity]) -> Sequence[Finding]:
        try:
            async with asyncio.timeout(TIMEOUT):
                findings = await self._rechecker.recheck(identities)
            if len(findings) == len(identities):
                return findings
            detail = f"{len(findings)} findings for {len(identities)} identities"
        except VerifierUnavailable as error:
            detail = error.detail
        except TimeoutError:
            detail = f"no answer within {TIMEOUT:.0f} s"
        except Exception as error:
            detail = f"raised {type(error).__name__}"
        logger.error("%s cannot re-check: %s", type(self._rechecker).__name__, detail)
        return [VerifierUnavailable(detail)] * len(identities)

    def _conclude(self, lease: Lease, finding: Finding, took: float) -> None:
        now = self._loop.time()
        if isinstance(finding, Identity):
            self._failing_since.pop(lease, None)
            reason = lease.renew(finding)
        elif isinstance(finding, InvalidCredentials):
            logger.info("connection %s holds no longer: %s", lease.connection.id, finding.detail)
            reason = finding.reason
        else:
            since = self._failing_since.setdefault(lease, now)
            reason = Reason.UNAVAILABLE if now - since >= UNCONFIRMED and not lease.is_trusted_blindly else None
        lease.connection.emit(EventKind.RECHECKED, reason, took)
        if reason is not None:
            lease.end(reason)
        elif lease not in self._agenda:  # else somebody has asked for another look meanwhile
            self._set(lease)


class Callback:
    """`Policy(recheck=...)`, asked about each connection by itself, a few at a time."""

    AT_ONCE = 10

    def __init__(self, function: Callable[[Identity], Awaitable[Identity | None]]) -> None:
        self._function = function

    async def recheck(self, identities: Sequence[Identity]) -> Sequence[Finding]:
        turns = asyncio.Semaphore(self.AT_ONCE)

        async def ask(identity: Identity) -> Finding:
            async with turns:
                return await self._ask(identity)

        return await asyncio.gather(*map(ask, identities))

    async def _ask(self, identity: Identity) -> Finding:
        try:
            answer = await self._function(identity)
        except (InvalidCredentials, VerifierUnavailable) as error:
            return error
        except Exception as error:
            logger.error("Policy.recheck raised %s", type(error).__name__)
            return VerifierUnavailable(f"Policy.recheck raised {type(error).__name__}")
        if isinstance(answer, Identity):
            return answer
        if answer is not None:
            logger.error("Policy.recheck answered a %s, and only an Identity goes on", type(answer).__name__)
        return InvalidCredentials("Policy.recheck answered no identity", Reason.REVOKED)


_of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[int, Rechecks]] = WeakKeyDictionary()
