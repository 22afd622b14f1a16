"""The application at work, and how it is stopped when its connection has ended. What is kept from the server, and why."""

from __future__ import annotations

import asyncio

from wsauth.core.errors import ConnectionEnded


class Running:
    """The block an application runs in. `stop_after` cancels it, which the server never sees: it did not ask for that."""

    __slots__ = ("_before", "_limit", "_stopped", "_task")

    def __init__(self) -> None:
        self._task: asyncio.Task[object] | None = None
        self._before = 0
        self._limit: asyncio.TimerHandle | None = None
        self._stopped = False

    def __enter__(self) -> None:
        task = self._task = asyncio.current_task()
        assert task is not None
        self._before = task.cancelling()

    def __exit__(self, _: object, error: BaseException | None, __: object) -> bool:
        task, self._task = self._task, None
        assert task is not None
        is_ours = self._stopped and isinstance(error, asyncio.CancelledError) and task.cancelling() <= self._before + 1
        if self._stopped:
            task.uncancel()
        if self._limit is not None:
            self._limit.cancel()
        return is_ours

    def stop_after(self, seconds: float) -> None:
        if self._task is not None and self._limit is None:
            self._limit = self._task.get_loop().call_later(seconds, self._stop, self._task)

    def _stop(self, task: asyncio.Task[object]) -> None:
        self._stopped = True
        task.cancel()


def is_cancelled() -> bool:
    """Whether the current task is to stop, where a CancelledError may as well come from what it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def comes_of_the_end(error: BaseException | None) -> bool:
    """Whether an exception is our ConnectionEnded, or was raised because of it; of a group, whether each one was."""
    seen: set[int] = set()
    stack = [error]
    while stack:
        found = stack.pop()
        if found is None or id(found) in seen:
            continue
        if isinstance(found, ConnectionEnded):
            return True
        if isinstance(found, BaseExceptionGroup):
            return all(map(comes_of_the_end, found.exceptions))
        seen.add(id(found))
        stack += [found.__cause__, found.__context__]
    return False
