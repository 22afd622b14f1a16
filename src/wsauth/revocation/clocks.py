"""How far the clocks of issuers run ahead of the log's, as their tokens show: whatever was let in can be revoked.

A token that is let in before its own issue time was issued earlier than it says. A revocation that comes later must be held
against it, and against others of that issuer: so against tokens issued that much later than the revocation too.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from wsauth.revocation.record import BRIEF, Record, Verb

if TYPE_CHECKING:
    from wsauth.core.identity import Identity
    from wsauth.revocation.records import Records

MOST = 3600.0  # seconds; what is further ahead is no clock
_KIND = "issuer_ahead"  # of a selector that no identity bears: such a record ends nobody, and only tells
_STEPS = 16


class Clocks:
    """What one log's processes have seen of the clocks. Safe from any thread: what is lost in a race is seen again."""

    def __init__(self) -> None:
        self._steps: dict[str, list[tuple[int, float]]] = {}  # by issuer: after which record, and how far ahead
        self._told: dict[str, tuple[int, float]] = {}  # by issuer: seconds, and until when the log says so

    def ahead(self, issuer: str | None, number: int) -> float:
        """How far (seconds) this issuer was known to be ahead when the record of that number came."""
        steps = self._steps.get(issuer or "")
        return next((seconds for after, seconds in reversed(steps) if after < number), 0.0) if steps else 0.0

    def see(self, identity: Identity, records: Records) -> Record | None:
        """Take in a token that is let in. Returns what other processes are to be told, where they are."""
        now = records.now()
        if identity.issued_at is None or not now < identity.issued_at <= now + MOST:
            return None
        issuer, seconds = identity.issuer or "", float(identity.issued_at - now)
        self._learn(issuer, records.position(), seconds)
        told, until = self._told.get(issuer, (0, 0.0))
        held = max(records.longest, BRIEF)
        if seconds <= told and now < until - held / 2:
            return None
        whole = max(told, math.ceil(seconds))
        self._told[issuer] = (whole, now + held)
        return Record(Verb.RECHECK, frozenset({(_KIND, f"{whole} {issuer}")}), now, now + held)

    def hear(self, record: Record) -> None:
        """Take in what another process has told. It counts for every record: which came first there is not known here."""
        for kind, value in record.match:
            seconds, _, issuer = value.partition(" ")
            if kind != _KIND or not (seconds.isascii() and seconds.isdigit()):
                continue
            if int(seconds) > self._told.get(issuer, (0, 0.0))[0]:
                self._told[issuer] = (int(seconds), record.until)
                self._learn(issuer, 0, min(float(seconds), MOST))

    def _learn(self, issuer: str, after: int, seconds: float) -> None:
        steps = self._steps.get(issuer, [])
        if after and steps and seconds <= steps[-1][1]:
            return
        kept = [step for step in steps if step[0] < after] if after else [step for step in steps if step[1] > seconds]
        steps = [*kept, (after, seconds)] if after else [(0, seconds), *kept]
        if len(steps) > _STEPS:  # the first is taken for as far ahead as the second
            steps[:2] = [(steps[0][0], steps[1][1])]
        self._steps[issuer] = steps
