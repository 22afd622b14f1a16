"""Asking again whether those who are connected may still be: the only thing that sees a change which nobody announced.

One look-up for many, at random moments about an interval apart, in a context that holds what stood in that of their
handshakes. Whoever cannot be asked is asked again soon; what could not be confirmed for `UNCONFIRMED` seconds beyond its
interval is closed.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import TYPE_CHECKING

from wsauth.asgi.agenda import Agenda
from wsauth.asgi.callback import AT_ONCE, Callback
from wsauth.asgi.log import one_line, ration
from wsauth.asgi.running import is_cancelled
from wsauth.core.context import NOTHING, Variables, is_recheck
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
SLOW = 0.1  # seconds that a look is waited for before the next, with other variables, is begun
AT_MOST = 10  # looks at once
MOMENTS = 16  # in which random looks gather: what would come one by one comes in batches


class Rechecks:
    """The connections of one event loop that one rechecker is asked about."""

    @classmethod
    def of(cls, rechecker: Rechecker, framework: object = None) -> Rechecks:
        """Return that of the running loop. `framework` is a FrameworkScope, or None."""
        loop = asyncio.get_running_loop()
        found = _in_use.get((loop, id(rechecker)))
        return cls(rechecker, loop, framework) if found is None else found

    def __init__(self, rechecker: Rechecker, loop: asyncio.AbstractEventLoop, framework: object) -> None:
        self._rechecker = rechecker  # which also keeps its id from being another's
        self._loop = loop
        self._before: Callable[[], Awaitable[None]] | None = getattr(framework, "before_recheck", None)
        self._batch = AT_ONCE if isinstance(rechecker, Callback) else BATCH
        self._agenda: Agenda[Lease] = Agenda(loop, self._start)
        self._intervals: dict[Lease, float] = {}
        self._failing_since: dict[Lease, float] = {}
        self._variables: dict[Lease, Variables] = {}  # of those whose context holds any
        self._waiting: dict[Variables, dict[Lease, None]] = {}  # in order, none of them empty
        self._owed: dict[Lease, float] = {}  # a look at this moment of the loop's, also where another comes before
        self._task: asyncio.Task[None] | None = None
        self._looks: dict[Variables, asyncio.Task[None]] = {}  # that are under way

    def __len__(self) -> int:
        return len(self._intervals)

    def add(self, lease: Lease, every: float, variables: Variables = NOTHING) -> None:
        """Look at a connection every so many seconds, give or take a fifth; only when asked to where they are infinite.

        `variables` are what it is asked with. They are let go with the connection.
        """
        _in_use[self._loop, id(self._rechecker)] = self
        self._intervals[lease] = every
        if variables is not NOTHING:
            self._variables[lease] = variables
        self._set(lease)

    def discard(self, lease: Lease) -> None:
        """Look at a connection no more. With the last one everything goes."""
        self._agenda.discard(lease)
        self._forget(lease)
        for held in (self._failing_since, self._intervals, self._owed, self._variables):
            held.pop(lease, None)
        if not self._intervals:
            _in_use.pop((self._loop, id(self._rechecker)), None)
            for task in (self._task, *self._looks.values()):
                if task is not None and not self._loop.is_closed():
                    task.cancel()

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
        for lease in due:
            self._waiting.setdefault(self._variables.get(lease, NOTHING), {})[lease] = None
        if self._task is None:
            self._task = self._loop.create_task(self._work())

    def _is_waiting(self, lease: Lease) -> bool:
        return lease in self._waiting.get(self._variables.get(lease, NOTHING), ())

    def _forget(self, *leases: Lease) -> None:
        """Let them wait no more."""
        for lease in leases:
            variables = self._variables.get(lease, NOTHING)
            waiting = self._waiting.get(variables, {})
            waiting.pop(lease, None)
            if not waiting:
                self._waiting.pop(variables, None)

    async def _work(self) -> None:
        """One look after the other: a store is not asked twice at once, unless one look is slow and other variables wait."""
        try:
            while self._waiting:
                variables = next((variables for variables in self._waiting if variables not in self._looks), None)
                if variables is None or len(self._looks) == AT_MOST:
                    await asyncio.wait(self._looks.values(), return_when=asyncio.FIRST_COMPLETED)
                else:
                    await asyncio.wait({self._begin(variables)}, timeout=SLOW)
        finally:
            self._task = None

    def _begin(self, variables: Variables) -> asyncio.Task[None]:
        waiting = self._waiting.pop(variables)
        batch = list(islice(waiting, self._batch))
        if len(waiting) > len(batch):
            self._waiting[variables] = waiting  # after all others
            self._forget(*batch)
        context = variables.context()
        context.run(is_recheck.set, True)
        look = self._looks[variables] = self._loop.create_task(self._look(batch, variables), context=context)
        look.add_done_callback(lambda _: self._looks.pop(variables))
        return look

    async def _look(self, batch: list[Lease], variables: Variables) -> None:
        for lease in batch:
            self._agenda.discard(lease)
        began = self._loop.time()
        asked = [lease.identity for lease in batch]
        try:
            findings = await self._ask(asked)
        except VerifierUnavailable as error:
            logger.error("%s cannot re-check: %s", type(self._rechecker).__name__, one_line(error.detail))
            batch += self._waiting.pop(
                variables, ()
            )  # nor would it answer about them, and each may have to wait as long
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
                if self._before is not None:
                    await self._before()
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
        elif not self._is_waiting(lease) and lease not in self._agenda:  # nobody has asked for another look meanwhile
            lease.answered(self)

    def _judge(self, lease: Lease, asked: Identity, finding: Finding) -> Reason | None:
        """Take in a finding about the identity that was asked about. Returns why the connection must end, where it must."""
        if isinstance(finding, InvalidCredentials):
            if ration.admits(f"connections that hold no longer ({finding.reason.text})", logging.INFO):
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
            ration.write(logging.ERROR, f"{who} answered a {type(finding).__name__}, which is no finding")
        now = self._loop.time()
        since = self._failing_since.setdefault(lease, now)
        if now - since < UNCONFIRMED or (lease.is_trusted_blindly and not lease.sees_its_logs):
            return None
        if ration.admits("connections that could not be confirmed", logging.INFO):
            logger.info("connection %s could not be confirmed for %.0f s", lease.connection.id, now - since)
        return Reason.UNAVAILABLE


_in_use: dict[tuple[asyncio.AbstractEventLoop, int], Rechecks] = {}
