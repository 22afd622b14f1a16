"""Asking again whether those who are connected may still be: the only thing that sees a change which nobody announced.

One look-up for many, at random moments about an interval apart. Whoever cannot be asked is asked again soon; what could not
be confirmed for `UNCONFIRMED` seconds beyond its interval is closed.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
from itertools import islice
from typing import TYPE_CHECKING

from wsauth.asgi.agenda import Agenda
from wsauth.asgi.callback import AT_ONCE, Callback
from wsauth.asgi.log import one_line
from wsauth.asgi.running import is_cancelled
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
MOMENTS = 16  # in which random looks gather: what would come one by one comes in batches


class Rechecks:
    """The connections of one event loop that one rechecker is asked about."""

    @classmethod
    def of(cls, rechecker: Rechecker) -> Rechecks:
        """Return that of the running loop."""
        loop = asyncio.get_running_loop()
        found = _in_use.get((loop, id(rechecker)))
        return cls(rechecker, loop) if found is None else found

    def __init__(self, rechecker: Rechecker, loop: asyncio.AbstractEventLoop) -> None:
        self._rechecker = rechecker  # which also keeps its id from being another's
        self._loop = loop
        self._batch = AT_ONCE if isinstance(rechecker, Callback) else BATCH
        self._agenda: Agenda[Lease] = Agenda(loop, self._start)
        self._intervals: dict[Lease, float] = {}
        self._failing_since: dict[Lease, float] = {}
        self._waiting: dict[Lease, None] = {}  # in order
        self._owed: dict[Lease, float] = {}  # a look at this moment of the loop's, also where another comes before
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._intervals)

    def add(self, lease: Lease, every: float) -> None:
        """Look at a connection every so many seconds, give or take a fifth; only when asked to where they are infinite."""
        _in_use[self._loop, id(self._rechecker)] = self
        self._intervals[lease] = every
        self._set(lease)

    def discard(self, lease: Lease) -> None:
        """Look at a connection no more. With the last one everything goes."""
        self._agenda.discard(lease)
        for held in (self._waiting, self._failing_since, self._intervals, self._owed):
            held.pop(lease, None)
        if not self._intervals:
            _in_use.pop((self._loop, id(self._rechecker)), None)
            if self._task is not None and not self._loop.is_closed():
                self._task.cancel()

    def look(self, lease: Lease, within: float = 0.0, after: float = 0.0) -> None:
        """Look at a connection at a random moment of `within` seconds, again where a look is under way.

        `after` is how many seconds the change takes that it is to see: an earlier look does not do instead.
        """
        if lease in self._intervals:
            when = self._moment(after, after + within)
            if after:
                self._owed[lease] = max(when, self._owed.get(lease, when))
            self._agenda.set(lease, min(when, self._agenda.moment(lease)))

    def _set(self, lease: Lease) -> None:
        """Sooner than usual where something is amiss: a look that failed, or a log that is out of reach."""
        seconds = self._intervals[lease]
        if lease in self._failing_since or not lease.sees_its_logs:
            seconds = min(seconds, RETRY)
        when = math.inf if seconds == math.inf else self._moment(seconds * (1 - SPREAD), seconds * (1 + SPREAD))
        self._agenda.set(lease, min(when, self._owed.get(lease, when)))

    def _moment(self, least: float, most: float) -> float:
        """Return a random moment from `least` to `most` seconds from now, which others share."""
        now, grain = self._loop.time(), (most - least) / MOMENTS
        when = now + random.uniform(least, most - grain)  # noqa: S311 - no secret
        return math.ceil(when / grain) * grain if grain > 1e-3 else when

    def _start(self, due: list[Lease], now: float) -> None:
        for lease in due:
            if self._owed.get(lease, math.inf) <= now:
                del self._owed[lease]
        self._waiting.update(dict.fromkeys(due))
        if self._task is None:
            self._task = self._loop.create_task(self._work())

    async def _work(self) -> None:
        """One batch after the other: a store that is slow is not asked twice at once."""
        try:
            while self._waiting:
                await self._look(list(islice(self._waiting, self._batch)))
        finally:
            self._task = None

    async def _look(self, batch: list[Lease]) -> None:
        for lease in batch:  # from here on, whoever is in either has been asked for anew
            del self._waiting[lease]
            self._agenda.discard(lease)
        began = self._loop.time()
        asked = [lease.identity for lease in batch]
        try:
            findings = await self._ask(asked)
        except VerifierUnavailable as error:
            logger.error("%s cannot re-check: %s", type(self._rechecker).__name__, one_line(error.detail))
            batch += self._waiting  # nor would it answer about them, and each may have to wait as long
            self._waiting.clear()
            asked, findings = [lease.identity for lease in batch], [error] * len(batch)
        took = self._loop.time() - began
        try:
            for lease, identity, finding in zip(batch, asked, findings, strict=True):
                if lease in self._intervals:
                    self._conclude(lease, identity, finding, took)
        finally:  # whatever becomes of this look, there is a next one
            for lease in batch:
                if lease in self._intervals and lease not in self._agenda:
                    self._set(lease)

    async def _ask(self, identities: list[Identity]) -> list[Finding]:
        """Return one finding for each. Raises VerifierUnavailable where the rechecker cannot be asked about anybody."""
        try:
            async with asyncio.timeout(TIMEOUT):
                findings = list(await self._rechecker.recheck(identities))
        except VerifierUnavailable:
            raise
        except TimeoutError:
            raise VerifierUnavailable(f"no answer within {TIMEOUT:.0f} s") from None
        except (Exception, asyncio.CancelledError) as error:
            if is_cancelled():
                raise
            detail = f"raised {type(error).__name__}"
        else:
            if len(findings) == len(identities):
                return findings
            detail = f"{len(findings)} findings for {len(identities)} identities"
        logger.error("%s cannot re-check: %s", type(self._rechecker).__name__, detail)
        return [VerifierUnavailable(detail)] * len(identities)

    def _conclude(self, lease: Lease, asked: Identity, finding: Finding, took: float) -> None:
        reason = self._judge(lease, asked, finding)
        lease.connection.emit(EventKind.RECHECKED, reason, took)
        if reason is not None:
            lease.end(reason)
        elif lease not in self._waiting and lease not in self._agenda:  # nobody has asked for another look meanwhile
            lease.answered(self)

    def _judge(self, lease: Lease, asked: Identity, finding: Finding) -> Reason | None:
        """Take in a finding about the identity that was asked about. Returns why the connection must end, where it must."""
        if isinstance(finding, InvalidCredentials):
            logger.info("connection %s holds no longer: %s", lease.connection.id, one_line(finding.detail))
            return finding.reason
        if isinstance(finding, Identity):
            self._failing_since.pop(lease, None)
            if finding is asked:
                return None
            if lease.identity is asked:
                return lease.renew(finding)
            self.look(lease)  # another rechecker has changed it meanwhile, and this one must not undo that
            return None
        if not isinstance(finding, VerifierUnavailable):
            who = type(self._rechecker).__name__
            logger.error("%s answered a %s, which is no finding", who, type(finding).__name__)
        now = self._loop.time()
        since = self._failing_since.setdefault(lease, now)
        if now - since < UNCONFIRMED or (lease.is_trusted_blindly and not lease.sees_its_logs):
            return None
        logger.info("connection %s could not be confirmed for %.0f s", lease.connection.id, now - since)
        return Reason.UNAVAILABLE


_in_use: dict[tuple[asyncio.AbstractEventLoop, int], Rechecks] = {}
