"""The live connections of a policy, and the verbs that end them: here at once, and through the log in every process.

A connection is registered before the records are looked up, and a record is added before the registry is searched. So one
finds the other, whatever comes first and on whichever thread.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import math
import threading
import time
import weakref
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, ClassVar, Unpack

from wsauth.core.errors import ConfigurationError
from wsauth.core.reasons import Reason
from wsauth.core.settings import check_clock
from wsauth.revocation import rules
from wsauth.revocation.blind import Blind, Sight
from wsauth.revocation.draft import Draft, Terms, seconds
from wsauth.revocation.ending import end_all
from wsauth.revocation.log import MemoryLog, Receipt, RevocationLog
from wsauth.revocation.record import BRIEF, Record, Verb
from wsauth.revocation.records import Records
from wsauth.revocation.registry import Live, Registry
from wsauth.revocation.selector import Key, Whom, keys_of, match_of

if TYPE_CHECKING:
    from wsauth.core.identity import Identity

logger = logging.getLogger("wsauth")


class Standing(Enum):
    """What the records say of an identity that has just been verified, where that is not a reason to refuse it."""

    GOOD = "good"
    LOOK_AGAIN = "look again"  # the store was asked before the record came in
    BLIND = "blind"  # the log is out of reach, so there may be records that nobody here knows


class Connections:
    """The live connections of one policy in this process, and the log that connects it to others.

    `log` defaults to the memory of this process. `remember` is how long (seconds) a revocation is held against stateless
    credentials: as long as the longest token lives. A token that is seen to live longer extends it, to 30 days at most.
    `issuer_ahead` (seconds) is how far an issuer's clock may be ahead: tokens issued that much after a revocation are
    refused too. What a token shows by being let in before its issue time counts for that issuer from then on, everywhere.

    `blind` says what happens while the log is out of reach, `blind_limit` (seconds) from when on that concerns connections
    that are open. `clock` gives POSIX seconds.
    """

    _all: ClassVar[weakref.WeakSet[Connections]] = weakref.WeakSet()
    _joining: ClassVar[threading.Lock] = threading.Lock()

    def __init__(
        self,
        *,
        log: RevocationLog | None = None,
        remember: float = 24 * 3600.0,
        issuer_ahead: float = 0.0,
        blind: Blind = Blind.ASK_THE_STORE,
        blind_limit: float = 60.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        check_clock("Connections", clock)
        _check_seconds("remember", remember, 1.0, _MOST, "as long as the longest token lives")
        _check_seconds("issuer_ahead", issuer_ahead, 0.0, 60.0, "how far the issuer's clock may be ahead")
        _check_seconds("blind_limit", blind_limit, 10.0, 3600.0, "how long a connection may live unseen")
        if log is not None and (isinstance(log, type) or not isinstance(log, RevocationLog)):
            found = f"the class {log.__name__}" if isinstance(log, type) else f"a {type(log).__name__}"
            raise ConfigurationError(f"Connections(log=...) is {found}; write log=RedisLog(url, secrets=[...])")
        if not isinstance(blind, Blind):
            raise ConfigurationError(f"Connections(blind={blind!r}): write blind={Blind.ASK_THE_STORE}")
        self.log: RevocationLog = MemoryLog(Records(clock)) if log is None else log
        self._records = self.log.records
        self._records.outlast(remember)
        # Who trusts never asks a store by itself, however long the log is out of reach.
        self._records.outlast_outage(BRIEF if blind is Blind.TRUST else blind_limit)
        self._remember = remember * _MORE
        self._has_warned = False
        self._issuer_ahead = issuer_ahead
        self._registry = Registry()
        self._is_draining = False
        self._telling: set[asyncio.Task[None]] = set()  # strong references, or a running task could be collected
        self.sight = Sight(self.log, self._registry, blind, blind_limit)
        self._records.listen(self)
        with Connections._joining:
            Connections._all.add(self)

    def __len__(self) -> int:
        return len(self._registry)

    def count(self, **whom: Unpack[Whom]) -> int:
        """Return how many connections of this process match. Raises ValueError as the verbs do."""
        return len(self._registry.matching(match_of(whom)))

    @classmethod
    def everywhere(cls) -> list[Connections]:
        """Return those of every policy in this process."""
        with cls._joining:
            return list(cls._all)

    @classmethod
    def of_each_log(cls) -> list[Connections]:
        """Return one for each log in this process: its verbs reach every policy that shares the log, once."""
        return list({id(connections.log): connections for connections in cls.everywhere()}.values())

    # For the middleware

    @property
    def position(self) -> int:
        """The number of the newest record. Note it before verifying, and hand it to `open`.

        All registries count together: one note serves also those that a connection comes to stand in later.
        """
        return Records.position()

    def now(self) -> float:
        """The log's time in POSIX seconds: note it before verifying, as `Live.since`."""
        return self._records.now()

    def open(
        self, connection: Live, identity: Identity, position: int, *, stateful: bool, waited: bool = False
    ) -> Standing | Reason:
        """Register a connection under its identity, and under no other, unless that was revoked meanwhile.

        Returns the reason to refuse it, if there is one. `waited` says that `catch_up` has been tried. Who does not stand
        good is not registered. To be called on the connection's loop.
        """
        if not stateful:
            self._outlast(identity)
        keys = self._registry.add(connection, identity)
        standing = self._standing(keys, identity, position, stateful)
        if standing is Standing.GOOD and not self.sight.admits(stateful and connection.can_look_again, waited):
            standing = Standing.BLIND
        if standing is Standing.GOOD:
            if not stateful and (seen := self._records.clocks.see(identity, self._records)) is not None:
                self._tell(seen)
            self.sight.look()  # once more: the log and its watch may have gone to sleep while nobody was registered
        else:
            self._registry.remove(connection)
        return standing

    def move(self, connection: Live, identity: Identity) -> Reason | None:
        """Register a connection, if it still is, under its identity as it stands now. Returns why it must end, if so."""
        before = self._registry.keys(connection)
        if not connection.stateful:
            self._outlast(identity)
        if before is None or before == keys_of(identity):
            return None
        keys = self._registry.add(connection, identity)
        standing = self._standing(keys, identity, 0, connection.stateful)
        if isinstance(standing, Reason):
            return standing
        if standing is Standing.LOOK_AGAIN:
            connection.look_again()
        return None

    def close(self, connection: Live) -> None:
        """Take a connection out of the registry, if it is there."""
        self._registry.remove(connection)

    # The verbs

    async def disconnect(self, **terms: Unpack[Terms]) -> Receipt:
        """Close the matching connections and remember nothing: who was disconnected may come back, and is told so.

        Several selectors must all match. Raises ValueError without one, and RevocationNotRecorded where the log cannot be
        written to and this process cannot go on trying. For the other keywords see `Terms`.
        """
        return await self._publish(Draft.of(Verb.DISCONNECT, terms, self._records))

    async def revoke(self, **terms: Unpack[Terms]) -> Receipt:
        """Close the matching connections, and refuse credentials that were issued up to now.

        Sessions and stored tokens are judged by their store at the next handshake, so end them there first; a token without
        an issue time is refused. For the rest see `disconnect`.
        """
        return await self._publish(Draft.of(Verb.REVOKE, terms, self._records))

    async def block(self, *, until: float, **terms: Unpack[Terms]) -> Receipt:
        """Close the matching connections and refuse whoever matches, whatever the credential, `until` (POSIX seconds) then.

        The reason is FORBIDDEN, if no other is given. At most 31 days: who is to stay out for longer belongs into your
        database, and into `Policy(allow=...)`. For the rest see `disconnect`.
        """
        return await self._publish(self._block(until, terms))

    async def recheck(self, *, after: float = 0.0, spread: float = 0.0, **whom: Unpack[Whom]) -> Receipt:
        """Have the matching connections judged again by their store, `after` so many seconds, spread over `spread` more."""
        return await self._publish(self._recheck(after, spread, whom))

    def disconnect_now(self, **terms: Unpack[Terms]) -> Receipt:
        """Do what `disconnect` does, from any thread and without an event loop."""
        return self._publish_now(Draft.of(Verb.DISCONNECT, terms, self._records))

    def revoke_now(self, **terms: Unpack[Terms]) -> Receipt:
        """Do what `revoke` does, from any thread and without an event loop."""
        return self._publish_now(Draft.of(Verb.REVOKE, terms, self._records))

    def block_now(self, *, until: float, **terms: Unpack[Terms]) -> Receipt:
        """Do what `block` does, from any thread and without an event loop."""
        return self._publish_now(self._block(until, terms))

    def recheck_now(self, *, after: float = 0.0, spread: float = 0.0, **whom: Unpack[Whom]) -> Receipt:
        """Do what `recheck` does, from any thread and without an event loop."""
        return self._publish_now(self._recheck(after, spread, whom))

    def end_now(self, reason: Reason = Reason.REVOKED, *, until: float | None = None, **whom: Unpack[Whom]) -> Receipt:
        """Revoke what a store judges, which is remembered for a few minutes; or a token whose end is known, `until` then."""
        return self._publish_now(Draft.of_one(match_of(whom), reason, self._records, until=until))

    async def drain(self, over: float = 30.0) -> None:
        """Close every connection of this process as going away, spread over so many seconds, and let nobody in from now on.

        For deploys: clients come back one after the other, to a process that stays. Returns when the last is closed. Raises
        ValueError for over an hour.
        """
        over = seconds("over", over)
        self._is_draining = True
        end_all(list(self._registry), Reason.GOING_AWAY, spread=over)
        deadline = time.monotonic() + over + _DRAINED
        while len(self) and time.monotonic() < deadline:  # noqa: ASYNC110 - it may be asked on another loop than theirs
            await asyncio.sleep(0.05)

    # For the log

    def enforce(self, record: Record) -> int:
        """End what the record ends; have judged again what a store can say more of. Returns how many it ended."""
        now = self.now()
        after = max(0.0, record.at + record.after - now) if record.after else 0.0
        ended: list[Live] = []
        for connection in self._registry.matching(record.match):
            if rules.ends(record, connection, now, self._ahead(connection.identity, Records.position())):
                ended.append(connection)
            elif connection.can_look_again and record.verb is not Verb.DISCONNECT:
                connection.look_again(record.spread, after)
        end_all(ended, record.reason, after=after, spread=record.spread)
        return len(ended)

    def look_again(self, spread: float) -> None:
        """Have every connection that a store can judge judged again."""
        for connection in self._registry:
            if connection.can_look_again:
                connection.look_again(spread)

    def _standing(self, keys: tuple[Key, ...], identity: Identity, position: int, stateful: bool) -> Standing | Reason:
        if self._is_draining:
            return Reason.GOING_AWAY
        matching = self._records.matching(keys)
        if refusing := [
            held.record
            for held in matching
            if rules.refuses(held.record, identity, stateful=stateful, issuer_ahead=self._ahead(identity, held.number))
        ]:
            return max(refusing, key=lambda record: (record.at, record.reason.name)).reason
        if any(held.number > position and rules.casts_doubt(held.record, stateful=stateful) for held in matching):
            return Standing.LOOK_AGAIN
        return Standing.GOOD

    def _ahead(self, identity: Identity, number: int) -> float:
        return max(self._issuer_ahead, self._records.clocks.ahead(identity.issuer, number))

    def _tell(self, seen: Record) -> None:
        """Let other processes know, where there are any. In a context and a task of its own: no handshake waits for it."""
        if self.log.reaches_others:
            task = asyncio.get_running_loop().create_task(self._told(seen), context=contextvars.Context())
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def _told(self, seen: Record) -> None:
        try:
            await self.log.publish(lambda at: seen)
        except Exception as error:  # whoever sees it next tells it
            logger.error("the clock of an issuer is ahead, and other processes were not told: %s", type(error).__name__)

    def _outlast(self, identity: Identity) -> None:
        """Remember revocations as long as a token lives that lives longer than it was said."""
        if identity.expires_at is None:
            return
        lives = min(max(identity.expires_at, 0), _LATEST) - self._records.now()
        if lives > self._remember and not self._has_warned:
            self._has_warned = True
            logger.warning(
                "a token lives for %.0f s, and Connections(remember=%.0f) promises less: a revocation may be forgotten"
                " while it is valid, by a process that starts later; write remember=%.0f",
                *(lives, self._remember, math.ceil(min(lives, _MOST) / 3600) * 3600),
            )
        self._records.outlast(min(lives * _MORE, _MOST), bears_session=identity.session_id is not None)

    def _block(self, until: float, terms: Terms) -> Draft:
        return Draft.of(Verb.BLOCK, terms, self._records, until=until)

    def _recheck(self, after: float, spread: float, whom: Whom) -> Draft:
        return Draft.of(Verb.RECHECK, {**whom, "after": after, "spread": spread}, self._records)

    async def _publish(self, draft: Draft) -> Receipt:
        return await self.log.publish(draft, draft.receipt)

    def _publish_now(self, draft: Draft) -> Receipt:
        return self.log.publish_now(draft, draft.receipt)


_MORE = 1.1  # times: tokens that live a little longer than the longest so far come one after the other
_MOST = 30 * 86400.0  # seconds: a record is kept so long beyond its last end, and 31 days at most
_LATEST = 1e12  # POSIX seconds: no date is later, and none is too big to compute with
_DRAINED = 5.0  # seconds for the last closes to be sent


def _check_seconds(setting: str, value: object, least: float, most: float, meaning: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ConfigurationError(
            f"Connections({setting}={value!r}): write seconds from {least:.0f} to {most:.0f}, {meaning}"
        )
