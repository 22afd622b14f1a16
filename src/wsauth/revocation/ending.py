"""Ending many connections without stalling the event loops that they live on.

Nothing is delivered to or from any of them from the moment on that they are to end. Their closes are sent in slices, and all
of these before the first application is woken to clean up: clients learn of it as soon as they can.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsauth.core.reasons import Reason
    from wsauth.revocation.registry import Live

SLICE = 100  # connections closed in one turn of their loop


def end_all(connections: Sequence[Live], reason: Reason, *, after: float = 0.0, spread: float = 0.0) -> None:
    """End each connection `after` so many seconds, at a random moment of `spread` more. May be called from any thread."""
    if after or spread:
        for connection in connections:
            connection.end_in(after + random.uniform(0, spread), reason)  # noqa: S311 - no secret
        return
    if len(connections) <= SLICE:
        for connection in connections:
            connection.end(reason)
        return
    by_loop: dict[asyncio.AbstractEventLoop, deque[Live]] = {}
    for connection in connections:
        connection.stop(reason)
        by_loop.setdefault(connection.loop, deque()).append(connection)
    for loop, waiting in by_loop.items():
        try:
            loop.call_soon_threadsafe(_close_slice, loop, waiting, deque(), reason)
        except RuntimeError:  # the loop is closed
            for connection in waiting:
                connection.end(reason)


def _close_slice(loop: asyncio.AbstractEventLoop, waiting: deque[Live], closed: deque[Live], reason: Reason) -> None:
    try:
        for _ in range(min(SLICE, len(waiting))):
            closed.append(waiting.popleft())
            closed[-1].close(reason)
    finally:  # whatever becomes of one, the others are to end
        if waiting:
            loop.call_soon(_close_slice, loop, waiting, closed, reason)
        else:
            loop.call_soon(_wake_slice, loop, closed)


def _wake_slice(loop: asyncio.AbstractEventLoop, closed: deque[Live]) -> None:
    try:
        for _ in range(min(SLICE, len(closed))):
            closed.popleft().wake()
    finally:
        if closed:
            loop.call_soon(_wake_slice, loop, closed)
