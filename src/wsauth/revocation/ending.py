"""Ending many connections without stalling the event loops that they live on: a slice in each turn.

Nothing is delivered to or from any of them from the moment on that they are to end. Their closes are sent in slices, and all
of these before the first application is woken to clean up: clients learn of it as soon as they can.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsauth.core.reasons import Reason
    from wsauth.revocation.registry import Live

SLICE = 100  # connections in one turn of their loop


def end_all(connections: Sequence[Live], reason: Reason, *, after: float = 0.0, spread: float = 0.0) -> None:
    """End each connection `after` so many seconds, at a random moment of `spread` more. May be called from any thread."""

    def end(connection: Live) -> None:
        if after or spread:
            connection.end_in(after + random.uniform(0, spread), reason)  # noqa: S311 - no secret
        else:
            connection.end(reason)

    if len(connections) <= SLICE:
        for connection in connections:
            end(connection)
        return
    if not (after or spread):
        for connection in connections:
            connection.stop(reason)
    for loop, waiting in _by_loop(connections).items():
        start = (
            partial(_slice, loop, deque(waiting), end) if after or spread else partial(_close, loop, waiting, reason)
        )
        try:
            loop.call_soon_threadsafe(start)
        except RuntimeError:  # the loop is closed
            for connection in waiting:
                end(connection)


def _by_loop(connections: Iterable[Live]) -> dict[asyncio.AbstractEventLoop, list[Live]]:
    by_loop: dict[asyncio.AbstractEventLoop, list[Live]] = {}
    for connection in connections:
        by_loop.setdefault(connection.loop, []).append(connection)
    return by_loop


def _close(loop: asyncio.AbstractEventLoop, connections: list[Live], reason: Reason) -> None:
    """Send every close, and then let every application know."""
    wake = partial(_slice, loop, deque(connections), lambda connection: connection.wake())
    _slice(loop, deque(connections), lambda connection: connection.close(reason), wake)


def _slice(
    loop: asyncio.AbstractEventLoop,
    waiting: deque[Live],
    each: Callable[[Live], None],
    then: Callable[[], None] | None = None,
) -> None:
    try:
        for _ in range(min(SLICE, len(waiting))):
            each(waiting.popleft())
    finally:  # whatever becomes of one, the others have their turn
        if waiting:
            loop.call_soon(_slice, loop, waiting, each, then)
        elif then is not None:
            loop.call_soon(then)
