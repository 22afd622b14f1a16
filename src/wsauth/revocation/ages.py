"""How old the oldest of many moments is, without a look at each."""

from __future__ import annotations

STEP = 60.0  # seconds; as fine as anybody needs to know


class Ages:
    """Moments that come and go, counted by the minute."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}

    def come(self, moment: float) -> None:
        step = int(moment // STEP)
        self._counts[step] = self._counts.get(step, 0) + 1

    def go(self, moment: float) -> None:
        step = int(moment // STEP)
        self._counts[step] -= 1
        if not self._counts[step]:
            del self._counts[step]

    def oldest(self) -> float | None:
        """Return the oldest moment, to the minute; None where there is none."""
        return min(self._counts) * STEP if self._counts else None
