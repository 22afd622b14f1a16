"""Look-ups that arrive while one is under way join the next: one hop into Django's thread and one query for all of them.

After a deploy every client comes back at once, and Channels runs all database work on one thread, where each hop queues.
A lone look-up goes at once. Nothing is kept from one look-up to the next, so each sees what was committed before it.
Only those go together that go to the same place (see `places`).
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from wsauth.core.errors import VerifierUnavailable
from wsauth.django.database import ask
from wsauth.django.places import ANYWHERE, Place

K = TypeVar("K")
V = TypeVar("V")

Waiting = deque[tuple[K, asyncio.Future[V]]]
Outcomes = Sequence[V | Exception]

MOST = 200  # look-ups in one query


@dataclass(slots=True)
class _Queue(Generic[K, V]):
    """What waits on one event loop for one place. `is_busy` while a look-up is under way there."""

    waiting: Waiting[K, V] = field(default_factory=deque)
    is_busy: bool = False
    task: asyncio.Task[None] | None = None


class Together(Generic[K, V]):
    """Asks `look_up` for many keys of a place at once. It returns an outcome for each, in order; an exception is raised to
    that one. `place` says where the present context is to be looked up; where it says None, that goes alone.
    """

    def __init__(
        self,
        look_up: Callable[[Sequence[K], Place], Outcomes[V]],
        place: Callable[[], Place | None] = lambda: ANYWHERE,
    ) -> None:
        self._look_up = look_up
        self._place = place
        self._queues: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Place, _Queue[K, V]]] = WeakKeyDictionary()

    async def ask(self, key: K) -> V:
        """Return what is found for the key, or raise it. Raises VerifierUnavailable where the database cannot be reached."""
        place = self._place()
        if place is None:
            return await self._alone(key, ANYWHERE)
        loop = asyncio.get_running_loop()
        queues = self._queues.get(loop)
        if queues is None:
            queues = self._queues[loop] = {}
        queue = queues.get(place)
        if queue is None:
            queue = queues[place] = _Queue()
        if queue.is_busy:
            future: asyncio.Future[V] = loop.create_future()
            queue.waiting.append((key, future))
            return await future
        queue.is_busy = True
        try:
            return await self._alone(key, place)
        finally:
            self._go_on(queue, place)

    async def _alone(self, key: K, place: Place) -> V:
        (outcome,) = await ask(self._look_up, [key], place)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _go_on(self, queue: _Queue[K, V], place: Place) -> None:
        if queue.waiting:
            # In a context of its own: that of whoever happened to come first is none of the others' business.
            loop = asyncio.get_running_loop()
            queue.task = loop.create_task(self._work(queue, place), context=contextvars.Context())
        else:
            queue.is_busy = False

    async def _work(self, queue: _Queue[K, V], place: Place) -> None:
        try:
            while queue.waiting:
                await self._answer(queue.waiting, place)
        finally:
            queue.is_busy, queue.task = False, None
            for _, future in queue.waiting:  # the loop is being stopped
                future.cancel()
            queue.waiting.clear()

    def _take(self, waiting: Waiting[K, V], batch: list[tuple[K, asyncio.Future[V]]], place: Place) -> Outcomes[V]:
        """Look up, in Django's thread and not before it gets to it, whatever has come by then: other work may be first."""
        while waiting and len(batch) < MOST:
            key, future = waiting.popleft()
            if not future.done():  # else whoever asked has left meanwhile
                batch.append((key, future))
        return self._look_up([key for key, _ in batch], place) if batch else ()

    async def _answer(self, waiting: Waiting[K, V], place: Place) -> None:
        batch: list[tuple[K, asyncio.Future[V]]] = []
        try:
            outcomes = await ask(self._take, waiting, batch, place)
        except VerifierUnavailable as error:
            outcomes = [VerifierUnavailable(error.detail, error.retry_after) for _ in batch]
        except Exception as error:
            outcomes = [error] * len(batch)
        except asyncio.CancelledError:
            for _, future in batch:
                future.cancel()
            raise
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if future.done():  # whoever asked has left meanwhile
                continue
            if isinstance(outcome, StopIteration):  # which a future does not take: nobody after it would be answered
                outcome = RuntimeError("a look-up raised StopIteration")
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
