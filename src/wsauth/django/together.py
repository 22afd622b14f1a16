"""Look-ups that arrive while one is under way join the next: one hop into Django's thread and one query for all of them.

After a deploy every client comes back at once, and Channels runs all database work on one thread, where each hop queues.
A lone look-up goes at once. Nothing is kept from one look-up to the next, so each sees what was committed before it.
Only those go together that go to the same place (see `places`) and whose contexts make no difference (`core.context`): a
batch runs in a context that holds what the middlewares had set for each of them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from wsauth.core.context import Variables, present
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
    """What waits on one event loop for one place, in one context, while a look-up is under way there."""

    place: Place
    variables: Variables
    waiting: Waiting[K, V] = field(default_factory=deque)
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
        self._busy: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[object, _Queue[K, V]]] = WeakKeyDictionary()

    async def ask(self, key: K) -> V:
        """Return what is found for the key, or raise it. Raises VerifierUnavailable where the database cannot be reached."""
        if (place := self._place()) is None:
            return await self._alone(key, ANYWHERE)
        loop, variables = asyncio.get_running_loop(), present()
        busy = self._busy.setdefault(loop, {})
        queue = busy.get((place, variables))
        if queue is not None:
            future: asyncio.Future[V] = loop.create_future()
            queue.waiting.append((key, future))
            return await future
        queue = busy[place, variables] = _Queue(place, variables)
        try:
            return await self._alone(key, place)
        finally:
            self._go_on(queue, busy)

    async def _alone(self, key: K, place: Place) -> V:
        (outcome,) = await ask(self._look_up, [key], place)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _go_on(self, queue: _Queue[K, V], busy: dict[object, _Queue[K, V]]) -> None:
        """Look up those who wait, each batch in a context of its own; with nobody left, forget the queue."""
        if queue.waiting:
            work = self._work(queue, busy)
            queue.task = asyncio.get_running_loop().create_task(work, context=queue.variables.context())
        else:
            del busy[queue.place, queue.variables]

    async def _work(self, queue: _Queue[K, V], busy: dict[object, _Queue[K, V]]) -> None:
        try:
            await self._answer(queue.waiting, queue.place)
        except BaseException:  # the loop is being stopped
            for _, future in queue.waiting:
                future.cancel()
            queue.waiting.clear()
            raise
        finally:
            self._go_on(queue, busy)

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
