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

from wsauth.redis.commands import TIME, answered, nodes_of, time_of
from wsauth.redis.line import FAULTS, Command
from wsauth.redis.process import Process
from wsauth.revocation.log import MakeRecord, Receipt, RevocationNotRecorded
from wsauth.revocation.record import Record

TIME_DEADLINE = 0.3  # seconds; nothing is closed before the time is known
DEADLINE = 1.0  # seconds for any other call
PAUSE = 0.1  # seconds between two attempts
BRIEF = 0.3  # seconds for the time and the only attempt, soon after somebody has waited in vain


class Ask(NamedTuple):
    """Commands to be answered within so many seconds; without any, a pause."""

    seconds: float
    commands: tuple[Command, ...] = ()


Answer = list[Any] | Exception | None
Steps = Generator[Ask, Answer, Receipt]


def publication(process: Process, make: MakeRecord, wait: float, patience: float) -> Steps:
    """Publish a record. `patience` (seconds) is how long to try where no reader goes on trying.

    It takes 0.3 s to learn the time, and then that long, or 1 s where a reader goes on. For 5 s after a publication that
    took so long in vain, others make one attempt, of 0.3 s in all.
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
    ends = patience + (began if is_away else time.monotonic())
    answer = yield from _append(process, append, ends, tries_once=is_away)
    if not isinstance(answer, list):
        if not is_away:
            process.gave_up()
        return _given_up(process, record, closed, answer, None if is_followed else patience)
    process.got_through()
    if not wait:
        return Receipt(recorded=True, closed=closed)
    expected = nodes_of(answer[0], process.records.now()) - {process.node}
    return (yield from _collect(process, record, closed, expected, wait))


def _now(process: Process, tries_once: bool) -> Generator[Ask, Answer, float]:
    """The log's time. Where it does not come soon, what this process thinks it is."""
    ends = time.monotonic() + TIME_DEADLINE
    while (left := ends - time.monotonic()) > 0:
        asked = time.monotonic()
        answer = yield Ask(left, (TIME,))
        if isinstance(answer, list):
            now = time_of(answer[0])
            process.set_clock(time.monotonic() - asked, now)
            return now
        if tries_once:
            break
        yield Ask(min(PAUSE, TIME_DEADLINE / 10))
    return process.records.now()


def _append(process: Process, append: Command, ends: float, tries_once: bool) -> Generator[Ask, Answer, Answer]:
    """Append until it is done, or until that moment. Returns the leases and an id, or the last fault."""
    while True:
        left = ends - time.monotonic()
        answer = yield Ask(max(0.01, min(DEADLINE, left)), (process.commands.leases(), append))
        if isinstance(answer, list) or tries_once or ends - time.monotonic() <= PAUSE:
            return answer
        yield Ask(PAUSE)


def _given_up(process: Process, record: Record, closed: int, fault: Answer, patience: float | None) -> Receipt:
    if patience is None:
        process.say(
            logging.WARNING,
            "append",
            "a revocation is not in Redis yet (%s); it is tried again until it is",
            _text(fault),
        )
        return Receipt(recorded=False, closed=closed)
    cause = fault if isinstance(fault, Exception) else None
    raise RevocationNotRecorded(
        f"{record.verb.value}: Redis at {process.address} did not take it within {patience:g} s ({_text(fault)});"
        f" {closed} connections of this process were closed, others were not told"
    ) from cause


def _text(fault: object) -> str:
    return f"{type(fault).__name__}: {fault}"


def _collect(
    process: Process, record: Record, closed: int, expected: set[str], wait: float
) -> Generator[Ask, Answer, Receipt]:
    ends = time.monotonic() + wait
    said: dict[str, int] = {}
    while not expected <= said.keys() and (left := ends - time.monotonic()) > 0:
        block = min(left, DEADLINE)
        answer = yield Ask(block + TIME_DEADLINE, (process.commands.await_answer(record.reply, block),))
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
            seconds, commands = steps.send(answer)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        answer = None
        try:
            if commands:
                answer = await ask(seconds, *commands)
            else:
                await asyncio.sleep(seconds)
        except FAULTS as fault:
            answer = fault


def in_a_thread(steps: Steps, ask: Callable[..., list[Any]]) -> Receipt:
    """Take the steps with the `ask` of a ThreadLine."""
    answer: Answer = None
    while True:
        try:
            seconds, commands = steps.send(answer)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        answer = None
        try:
            if commands:
                answer = ask(seconds, *commands)
            else:
                time.sleep(seconds)
        except FAULTS as fault:
            answer = fault
