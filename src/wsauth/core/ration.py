"""How many lines of one kind the log gets: some in a while, and then a count of those that were left out.

Strangers cause lines by what they send, and a fault of the application causes one at each handshake of theirs. The first
ones teach; the rest would fill a disk.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

logger = logging.getLogger("wsauth")

LINES = 20  # of one kind
WINDOW = 10.0  # seconds
KINDS = 500  # that are told apart; most have a handful


class Ration:
    """The lines of each kind. `clock` gives seconds that never go back. One kind does not hide another."""

    __slots__ = ("_clock", "_windows")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._windows: dict[str, tuple[float, int]] = {}  # when it ends, and how many there were

    def admits(self, kind: str, level: int) -> bool:
        """Count a line of that kind, such as "refusals". Returns whether it may be written."""
        ends, count = self._windows.get(kind, (0.0, 0))
        now = self._clock()
        if now >= ends:
            if count > LINES:
                logger.log(level, "%d more %s are not in this log", count - LINES, kind)
            ends, count = now + WINDOW, 0
        if len(self._windows) >= KINDS and kind not in self._windows:
            self.forget()
        self._windows[kind] = ends, count + 1
        return count < LINES

    def write(self, level: int, text: str) -> None:
        """Write a line that holds nothing of a client's, so that it is its own kind."""
        if logger.isEnabledFor(level) and self.admits(f"lines like this one ({text})", level):
            logger.log(level, "%s", text)

    def forget(self) -> None:
        """Begin anew."""
        self._windows.clear()
