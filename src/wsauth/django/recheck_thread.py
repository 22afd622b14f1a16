"""Re-checks ask in a thread of their own: a consumer that keeps Django's thread busy keeps no store from answering.

asgiref has the place for it: in a `ThreadSensitiveContext`, what would go to Django's thread goes to that of the context.
That is wsauth's own look-ups, and what a `recheck` of the project's does with the ORM. The thread has its own connections,
under CONN_MAX_AGE as elsewhere, and ends with them when nothing was asked for a while. Where the tables are seen on one
connection only, in a test's transaction or a SQLite database in memory, Django's thread is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from contextvars import Context

from asgiref.sync import SyncToAsync, ThreadSensitiveContext, sync_to_async
from django.db import connections

IDLE = 90.0  # seconds without a look until the thread ends; the usual re-check comes every minute
ASKED = 0.2  # seconds that a look waits for Django's thread to say whether it must look there; in tests, as long as it takes


async def enter() -> None:
    """Let this task, and what it starts from here on, ask in the thread of the re-checks."""
    if SyncToAsync.thread_sensitive_context.get(None) is None and not await _of_this_loop().must_share():
        SyncToAsync.thread_sensitive_context.set(_of_this_loop().place())


class _Apart:
    """The thread of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._place = ThreadSensitiveContext()
        self._used_at = 0.0
        self._lingering: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[bool] | None = None

    async def must_share(self) -> bool:
        """Ask Django's thread, but not for long: a production's may be busy, and no test's is."""
        if self._asking is None or self._asking.done():
            self._asking = self._loop.create_task(_must_share(), context=Context())
        await asyncio.wait({self._asking}, timeout=None if _is_a_test() else ASKED)
        return self._asking.done() and self._asking.result()

    def place(self) -> ThreadSensitiveContext:
        """Return what stands for the thread, which will be there for a while."""
        self._used_at = self._loop.time()
        if self._lingering is None:
            self._lingering = self._loop.create_task(self._linger(), context=Context())
        return self._place

    async def _linger(self) -> None:
        """A task, for it is cancelled with the loop."""
        try:
            while (left := self._used_at + IDLE - self._loop.time()) > 0:  # noqa: ASYNC110 - looks put it off
                await asyncio.sleep(left)
        finally:
            self._end()

    def _end(self) -> None:
        """Close its connections and let it end, as soon as a look that is under way is over. Waits for nothing."""
        executor = SyncToAsync.context_to_thread_executor.pop(self._place, None)
        self._place, self._lingering = ThreadSensitiveContext(), None
        if executor is not None:
            with contextlib.suppress(RuntimeError):  # the interpreter is ending
                executor.submit(connections.close_all)
            executor.shutdown(wait=False)


_threads: dict[asyncio.AbstractEventLoop, _Apart] = {}


def _of_this_loop() -> _Apart:
    loop = asyncio.get_running_loop()
    found = _threads.get(loop)
    if found is None:
        for other in [other for other in _threads if other.is_closed()]:
            _threads.pop(other)._end()  # had it not been told
        found = _threads[loop] = _Apart(loop)
    return found


def _is_a_test() -> bool:
    """Whether Django's test environment is set up, which gives `django.core.mail` an outbox."""
    return hasattr(sys.modules.get("django.core.mail"), "outbox")


@sync_to_async
def _must_share() -> bool:
    """Whether what is in the tables is seen on the connections of this thread only."""
    with contextlib.suppress(Exception):  # the look itself will say what is wrong
        return any(
            connection.in_atomic_block or (connection.vendor == "sqlite" and connection.is_in_memory_db())
            for connection in connections.all()
        )
    return False
