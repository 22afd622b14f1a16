"""Look-ups that arrive together are made together; each caller still gets an answer, a failure and an end of its own."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
import weakref

import pytest
from django.db import OperationalError
from opentelemetry.context import Context
from patience import HANG

from wsauth import VerifierUnavailable
from wsauth.core.context import ignoring
from wsauth.django.together import MOST, Together


class Store:
    """Answers a key with itself, upper case, as soon as it may."""

    def __init__(self):
        self.batches = []
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.error = None

    def __call__(self, keys, place):
        self.batches.append(list(keys))
        assert self.may_answer.wait(HANG)
        if self.error is not None:
            raise self.error
        odd = {"odd": KeyError, "empty": StopIteration}
        return [odd[key](key) if key in odd else key.upper() for key in keys]


@pytest.fixture
def store():
    return Store()


async def several(store, together, keys):
    """Ask for "first" and, while that is under way, for the keys. Returns the tasks."""
    store.may_answer.clear()
    tasks = [asyncio.create_task(together.ask(key)) for key in ("first", *keys)]
    while not store.batches:  # the thread has the first
        await asyncio.sleep(0.001)
    return tasks


async def test_a_lone_look_up_goes_at_once(store):
    """It waits for nobody and needs no task."""
    together = Together(store)
    assert await together.ask("a") == "A"
    assert await together.ask("b") == "B"
    assert store.batches == [["a"], ["b"]]


async def test_what_arrives_meanwhile_goes_together(store):
    """In order, each key with its own answer, also where two ask the same."""
    together = Together(store)
    tasks = await several(store, together, ["a", "b", "a"])
    store.may_answer.set()
    assert await asyncio.gather(*tasks) == ["FIRST", "A", "B", "A"]
    assert store.batches == [["first"], ["a", "b", "a"]]
    assert await together.ask("later") == "LATER"


async def test_a_batch_has_a_limit(store):
    """A query has room for so many keys."""
    together = Together(store)
    tasks = await several(store, together, [str(number) for number in range(MOST + 1)])
    store.may_answer.set()
    await asyncio.gather(*tasks)
    assert [len(batch) for batch in store.batches] == [1, MOST, 1]


async def test_the_failure_of_one_is_its_own(store):
    """What is raised for one key is not raised to others."""
    together = Together(store)
    tasks = await several(store, together, ["a", "odd", "b"])
    store.may_answer.set()
    first, a, odd, b = await asyncio.gather(*tasks, return_exceptions=True)
    assert (first, a, b, type(odd)) == ("FIRST", "A", "B", KeyError)
    with pytest.raises(KeyError):
        await together.ask("odd")


async def test_a_stop_iteration_is_one_failure_too(store):
    """As of `next()` in a project's backend. No future takes it, and those behind it would wait for ever."""
    together = Together(store)
    tasks = await several(store, together, ["a", "empty", "b"])
    store.may_answer.set()
    first, a, empty, b = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), HANG)
    assert (first, a, b) == ("FIRST", "A", "B")
    assert isinstance(empty, RuntimeError)


async def test_the_cancellation_of_one_is_its_own(store):
    """A client that leaves while it waits is not asked for, and the others get their answers."""
    together = Together(store)
    tasks = await several(store, together, ["a", "left", "b"])
    tasks[2].cancel()
    await asyncio.wait({tasks[2]})
    store.may_answer.set()
    assert await asyncio.gather(tasks[0], tasks[1], tasks[3]) == ["FIRST", "A", "B"]
    assert store.batches == [["first"], ["a", "b"]]


async def test_all_may_leave(store):
    """Then nothing is asked, and the next goes at once."""
    together = Together(store)
    first, *others = await several(store, together, ["a", "b"])
    for task in others:
        task.cancel()
    await asyncio.wait(others)
    store.may_answer.set()
    assert await first == "FIRST"
    assert await together.ask("next") == "NEXT"
    assert store.batches == [["first"], ["next"]]


async def test_who_came_first_may_leave(store):
    """Those who wait behind a look-up whose client has left are answered all the same."""
    together = Together(store)
    tasks = await several(store, together, ["a", "b"])
    tasks[0].cancel()
    store.may_answer.set()
    assert await asyncio.gather(*tasks[1:]) == ["A", "B"]
    assert await together.ask("next") == "NEXT"


async def test_an_answer_for_who_has_left_is_dropped(store):
    """A client may leave while its batch is asked for."""
    together = Together(store)
    tasks = await several(store, together, ["a", "b"])
    store.may_answer.set()
    await tasks[0]
    store.may_answer.clear()
    while len(store.batches) < 2:
        await asyncio.sleep(0.001)
    tasks[1].cancel()
    store.may_answer.set()
    assert await tasks[2] == "B"


@pytest.mark.parametrize(
    ("error", "raised"), [(OperationalError("gone"), VerifierUnavailable), (RuntimeError("broken"), RuntimeError)]
)
async def test_what_fails_for_all_is_raised_to_each(store, error, raised):
    """And the next look-up is tried again."""
    together = Together(store)
    tasks = await several(store, together, ["a", "b"])
    store.error = error
    store.may_answer.set()
    assert [type(found) for found in await asyncio.gather(*tasks, return_exceptions=True)] == [raised] * 3
    store.error = None
    assert await together.ask("next") == "NEXT"


variable = contextvars.ContextVar("variable", default="nobody's")


def noting(store):
    """Look up in the store, and note what the variable was for which keys."""
    seen = []

    def look_up(keys, place):
        seen.append((variable.get(), list(keys)))
        return store(keys, place)

    return look_up, seen


async def asks(together, key, value):
    variable.set(value)
    return await together.ask(key)


async def test_each_is_looked_up_with_what_the_middlewares_had_set(store):
    """Those go together for whom that is the same, whoever came first."""
    look_up, seen = noting(store)
    together = Together(look_up)
    store.may_answer.clear()
    calls = [("first", "x"), ("a", "x"), ("b", "y"), ("c", "x"), ("d", "y")]
    tasks = [asyncio.create_task(asks(together, *call)) for call in calls]
    await asyncio.sleep(0)
    store.may_answer.set()
    assert await asyncio.gather(*tasks) == ["FIRST", "A", "B", "C", "D"]
    assert sorted(seen) == [("x", ["a", "c"]), ("x", ["first"]), ("y", ["b"]), ("y", ["d"])]


async def test_what_a_look_up_sets_is_not_there_for_the_next(store):
    """asgiref brings what was set in the thread back to who has asked."""
    look_up, seen = noting(store)

    def setting(keys, place):
        found = look_up(keys, place)
        variable.set("set by a look-up")
        return found

    together = Together(setting)
    tasks = await several(store, together, [str(number) for number in range(MOST + 1)])
    store.may_answer.set()
    await asyncio.gather(*tasks)
    assert [value for value, _ in seen] == ["nobody's"] * 3


async def test_an_object_for_each_request_keeps_them_apart_unless_it_is_a_tracers_or_named(store):
    """What it is about cannot be known."""

    async def batches(values, ignored=frozenset()):
        store.batches.clear()
        together = Together(store)
        store.may_answer.clear()
        with ignoring(ignored):
            tasks = [asyncio.create_task(asks(together, "key", value)) for value in values]
        await asyncio.sleep(0)
        store.may_answer.set()
        await asyncio.gather(*tasks)
        return len(store.batches)

    assert await batches([object() for _ in range(20)]) == 20
    assert await batches([Context() for _ in range(20)]) == 2
    assert await batches([object() for _ in range(20)], frozenset({variable})) == 2


async def test_nothing_is_held_of_those_who_have_been_answered(store):
    """No queue for their context, and none of its values."""

    class Tenant:
        pass

    async def visit(together):
        tenant = Tenant()
        await asyncio.gather(*(asyncio.create_task(asks(together, key, tenant)) for key in "abc"))
        return weakref.ref(tenant)

    together = Together(store)
    left = await asyncio.create_task(visit(together))
    await asyncio.sleep(0)
    gc.collect()
    assert left() is None
    assert not any(together._busy.values())


async def test_each_place_is_asked_for_its_own(store):
    """By the context of the caller: nobody is looked up where another one is."""
    where, asked = contextvars.ContextVar("where"), []

    def look_up(keys, place):
        asked.append((place, list(keys)))
        return store(keys, place)

    together = Together(look_up, lambda: ("", where.get()))

    async def ask(key, place):
        where.set(place)
        return await together.ask(key)

    calls = [("first", "x"), ("a", "x"), ("b", "y"), ("c", "x"), ("d", "y")]
    store.may_answer.clear()
    tasks = [asyncio.create_task(ask(*call)) for call in calls]
    while not store.batches:
        await asyncio.sleep(0.001)
    store.may_answer.set()
    assert await asyncio.gather(*tasks) == ["FIRST", "A", "B", "C", "D"]
    assert sorted(asked) == [(("", "x"), ["a", "c"]), (("", "x"), ["first"]), (("", "y"), ["b"]), (("", "y"), ["d"])]


async def test_what_the_projects_own_code_asks_one_by_one_goes_alone(store):
    """In the context of the caller, however many arrive."""
    look_up, seen = noting(store)
    together = Together(look_up, lambda: None)
    assert await asyncio.gather(*(asks(together, key, f"of {key}") for key in "abc")) == ["A", "B", "C"]
    assert sorted(seen) == [("of a", ["a"]), ("of b", ["b"]), ("of c", ["c"])]
    with pytest.raises(KeyError):
        await together.ask("odd")


def test_each_event_loop_has_its_own_queue(store):
    """A future of one loop is never waited for on another; nothing is bound at construction."""
    together = Together(store)
    assert [asyncio.run(together.ask(key)) for key in "ab"] == ["A", "B"]


async def test_a_task_that_is_cancelled_leaves_nobody_waiting(store):
    """As when the loop is stopped: who waits is cancelled too."""
    together = Together(store)
    tasks = await several(store, together, ["a", "b"])
    store.may_answer.set()
    await tasks[0]
    ((queue,),) = (queues.values() for queues in together._busy.values())
    store.may_answer.clear()
    tasks.append(asyncio.create_task(together.ask("c")))
    await asyncio.sleep(0)
    queue.task.cancel()
    store.may_answer.set()
    found = await asyncio.gather(*tasks[1:], return_exceptions=True)
    assert {type(answer) for answer in found} <= {asyncio.CancelledError, str}
    assert await together.ask("next") == "NEXT"
