"""The clock that silence is measured by."""

from __future__ import annotations

import sys
import time

# A monotonic clock that also counts while the machine sleeps, which `time.monotonic` does not on Linux and macOS.
_ID = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None) if sys.platform == "darwin" else None)


def elapsed() -> float:
    """Seconds since some moment, which also pass while the machine sleeps, and whatever anybody sets its clock to."""
    return time.monotonic() if _ID is None else time.clock_gettime(_ID)
