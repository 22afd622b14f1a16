"""Whether the clock of this machine is right, by the clock of the log that its processes share."""

from __future__ import annotations

import logging

logger = logging.getLogger("wsauth")

OFF = 5.0  # seconds: tokens are judged by this machine's clock, and few allow for more


class Clock:
    """What a log has learned of this machine's clock. `off_by` (seconds) is zero while it is right."""

    __slots__ = ("off_by",)

    def __init__(self) -> None:
        self.off_by = 0.0

    def learn(self, ahead: float) -> None:
        """Take notice of how many seconds the log's clock is ahead. Written to the log when it begins and when it ends."""
        was_off, off_by = bool(self.off_by), abs(ahead)
        if off_by > OFF:
            self.off_by = off_by
            if not was_off:
                logger.warning(
                    "the clock of this machine is %.0f s %s that of the revocation log: tokens are accepted and refused at"
                    " the wrong time here; set it, and keep it right by NTP",
                    off_by,
                    "behind" if ahead > 0 else "ahead of",
                )
        elif was_off and off_by < OFF / 2:
            self.off_by = 0.0
            logger.warning("the clock of this machine is right again, by that of the revocation log")
