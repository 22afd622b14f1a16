"""What is told of the records of a log: how many there are, how old they are, and when the log was read."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from typing import TYPE_CHECKING

from wsauth.core.events import Event, EventKind, EventSink, emit

if TYPE_CHECKING:
    from wsauth.revocation.log import RevocationLog

logger = logging.getLogger("wsauth")

EVERY = 60.0  # seconds between two reports
MANY = 0.5  # of the ceiling: the alarm
FEW = 0.4  # of the ceiling: the end of the alarm


class Pulse:
    """Reports once a minute, and raises an alarm long before the ceiling of the records."""

    def __init__(self, log: RevocationLog) -> None:
        self._log = log
        self._told_at = time.monotonic()
        self._are_many = False

    def beat(self, sinks: Collection[EventSink]) -> None:
        """Report, where it is time to. Called at every handshake, and while connections are open; cheap."""
        self._watch(sinks)
        now = time.monotonic()
        if now - self._told_at < EVERY:
            return
        self._told_at, records = now, self._log.records
        emit(sinks, Event(EventKind.RECORDS, seconds=records.oldest, count=len(records)))
        emit(sinks, Event(EventKind.LOG_READ, seconds=self._log.silence))

    def _watch(self, sinks: Collection[EventSink]) -> None:
        """Say when there are too many records, once until there are few again."""
        records = self._log.records
        if len(records) < (FEW if self._are_many else MANY) * records.ceiling:
            self._are_many = False
        elif not self._are_many:
            self._are_many = True
            logger.error(
                "%d revocations are held, and %d are the most: beyond that, tokens are refused that only resemble a revoked"
                " one, until their users get new ones; look for what revokes so many, or write a shorter remember=",
                len(records),
                records.ceiling,
            )
            emit(sinks, Event(EventKind.RECORDS_MANY, seconds=records.oldest, count=len(records)))
