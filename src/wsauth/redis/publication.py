"""How a record is made known: the same steps with an event loop and without one.

The steps ask; `on_a_loop` and `in_a_thread` bring the answers. A record leaves the outbox when our own reader reads it back,
so what a failing Redis loses is sent again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Generator
from dataclasses import replace
from typing import Any, NamedTuple

from wsauth.redis.address import CONNECT, Command
from wsauth.redis.commands import TIME, answered, nodes_of, time_of
from wsauth.redis.faults import FAULTS, explain
from wsauth.redis.process import Process
from wsauth.revocation.log import MakeRecord, Receipt, RevocationNotRecorded
from wsauth.revocation.record import Record

TIME_DEADLINE = 0.3  # seconds, making a connection included; nothing is closed before the time is known
DEADLINE = 1.0  # seconds for any other call, and for the time where nothing waits to be closed
PAUSE = 0.1  # seconds between two attempts
BRIEF = 0.3  # seconds for the time and the only attempt, soon after somebody has waited in vain


class Ask(NamedTuple):
    """Commands to be answered within so many seconds; without any, a pause. `connecting` is as in `Line.ask`."""

    seconds: float
    commands: tuple[Command, ...] = ()
    connecting: float = 0.0


Answer = list[Any] | Exception | None
Steps = Generator[Ask, Answer, Receipt]


def publication(process: Process, make: MakeRecord, wait: float, patience: float) -> Steps:
    """Publish a record. `patience` (seconds) is how long to try where no reader goes on trying.

    It takes 0.3 s to learn the time, and then that long, or 1 s where a reader goes on; what making a connection takes
    where Redis is far away is added. For 5 s after a publication that took so long in vain, others make one attempt, of
    0.3 s in all.
    """
    began, is_away = time.monotonic(), process.is_away
    at = yield from _now(process, tries_once=is_away)
    record = make(at)
    if wait:
        record = replace(record, reply=record.id)
    append = process.append(record)
    closed = process.records.apply(record)
    is_followed = process.post(record)
    patience = BRIEF if is_away else DEADLINE if is_followed else patience
    ends = _ends(began, patience, is_away)
    answer = yield from _append(process, append, ends, tries_once=is_away)
    if not isinstance(answer, list):
        if not is_away:
            process.gave_up()
        return _given_up(process, record, closed, answer, None if is_followed else patience)
    process.got_through()
    if not wait:
        return Receipt(recorded=True, closed=closed)
    expected = yield from _expected(process)
    return (yield from _collect(process, record, closed, expected, wait))


def _ends(began: float, patience: float, is_away: bool) -> float:
    """When to give up. A time that took long to learn, because of the connection, takes nothing from the last attempt."""
    return (
        began + patience
        if is_away
        else max(began + TIME_DEADLINE + patience, time.monotonic() + min(patience, DEADLINE))
    )


def _now(process: Process, tries_once: bool) -> Generator[Ask, Answer, float]:
    """The log's time. Where it does not come soon, what this process thinks it is."""
    ends = time.monotonic() + TIME_DEADLINE
    is_urgent = tries_once or process.is_followed or process.records.connections
    while (left := ends - time.monotonic()) > 0:
        asked = time.monotonic()
        answer = yield Ask(left, (TIME,)) if is_urgent else Ask(DEADLINE, (TIME,), CONNECT)
        if isinstance(answer, list):
            now = time_of(answer[0])
            process.set_clock(time.monotonic() - asked, now)
            return now
        if tries_once:
            break
        yield Ask(min(PAUSE, TIME_DEADLINE / 10))
    return process.records.now()


def _append(process: Process, append: Command, ends: float, tries_once: bool) -> Generator[Ask, Answer, Answer]:
    """Append until it is done, or until that moment. Returns its id, or the last fault."""
    while True:
        left = ends - time.monotonic()
        connecting = 0.0 if tries_once else min(CONNECT, max(left, process.address.connecting))
        answer = yield Ask(max(0.01, min(DEADLINE, left)), (append,), connecting)
        if isinstance(answer, list) or tries_once or ends - time.monotonic() <= PAUSE:
            return answer
        yield Ask(PAUSE)


def _given_up(process: Process, record: Record, closed: int, fault: Answer, patience: float | None) -> Receipt:
    if patience is None:
        process.say_fault(logging.WARNING, "; a revocation is not there yet, and is tried again until it is", fault)
        return Receipt(recorded=False, closed=closed)
    cause = fault if isinstance(fault, Exception) else None
    why = explain(fault, process.address).text
    raise RevocationNotRecorded(
        f"{record.verb.value}: Redis at {process.address} did not take it within {patience:g} s ({why});"
        f" {closed} connections of this process were closed, others were not told"
    ) from cause


def _expected(process: Process) -> Generator[Ask, Answer, frozenset[str]]:
    """The processes that read besides this one. Where Redis does not tell, one of no name, which never answers."""
    answer = yield Ask(DEADLINE, (process.commands.leases(),), process.address.connecting)
    if isinstance(answer, list):
        return frozenset(nodes_of(answer[0], process.records.now()) - {process.node})
    process.say_fault(logging.WARNING, "; a receipt cannot say who did not answer", answer)
    return frozenset({"unknown"})


def _collect(
    process: Process, record: Record, closed: int, expected: frozenset[str], wait: float
) -> Generator[Ask, Answer, Receipt]:
    ends = time.monotonic() + wait
    said: dict[str, int] = {}
    while not expected <= said.keys() and (left := ends - time.monotonic()) > 0:
        block = min(left, DEADLINE)
        await_answer = process.commands.await_answer(record.reply, block)
        answer = yield Ask(block + TIME_DEADLINE, (await_answer,), process.address.connecting)
        if not isinstance(answer, list):
            yield Ask(PAUSE)
        elif (one := answered(answer[0])) is not None and one[0] != process.node:
            said[one[0]] = said.get(one[0], 0) + one[1]
    return Receipt(
        recorded=True,
        closed=closed + sum(said.values()),
        answered=len(said),
        missing=frozenset(expected - said.keys()),
    )


async def on_a_loop(steps: Steps, ask: Callable[..., Awaitable[list[Any]]]) -> Receipt:
    """Take the steps with the `ask` of Lines."""
    answer: Answer = None
    while True:
        try:
            seconds, commands, connecting = steps.send(answer)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        answer = None
        try:
            if commands:
                answer = await ask(seconds, *commands, connecting=connecting)
            else:
                await asyncio.sleep(seconds)
        except FAULTS as fault:
            answer = fault


def in_a_thread(steps: Steps, ask: Callable[..., list[Any]]) -> Receipt:
    """Take the steps with the `ask` of a ThreadLine."""
    answer: Answer = None
    while True:
        try:
            seconds, commands, connecting = steps.send(answer)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        answer = None
        try:
            if commands:
                answer = ask(seconds, *commands, connecting=connecting)
            else:
                time.sleep(seconds)
        except FAULTS as fault:
            answer = fault
