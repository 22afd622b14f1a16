"""A connection to Redis that gives up in time, and is never used again after anything has gone wrong on it.

An answer that was not waited for would be taken for the answer to the next question (CVE-2023-28858).
"""

from __future__ import annotations

import asyncio
import contextvars
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis.exceptions import InvalidResponse, RedisError, ResponseError

from wsauth.redis.address import CONNECT, Address, Command
from wsauth.redis.commands import INFO, primaries_of
from wsauth.redis.connecting import Phases, open_socket, open_stream
from wsauth.redis.faults import ABSENT, FAULTS, UNKNOWN, IsSentinel, Refused, late, refusal

__all__ = ["CONNECT", "FAULTS", "Address", "Command", "Line", "Lines", "ThreadLine"]

IDLE = 5.0  # seconds that a connection is kept for the next call where nobody reads
_MOST = 32  # connections for the writers of one event loop, when all of them write at once


class _Answers:
    """The answers to some commands, as they come. The first error among them is what is raised when all are there."""

    def __init__(self, address: Address, commands: tuple[Command, ...]) -> None:
        self._address = address
        self._commands = commands
        self._error: RedisError | None = None
        self.given: list[Any] = []

    @contextmanager
    def next(self) -> Iterator[None]:
        """Take an error for an answer. An error that ends the connection is raised."""
        command = self._commands[min(len(self.given), len(self._commands) - 1)]
        count = len(self.given)
        try:
            yield
        except ResponseError as error:
            error.command = command  # type: ignore[attr-defined]  # for `explain`
            if str(error) != ABSENT:
                self._error = self._error or error
        except RedisError as error:
            error.command = command  # type: ignore[attr-defined]
            raise
        except (LookupError, ValueError) as error:  # of the parser, for what is no answer
            raise InvalidResponse(f"no answer of Redis ({type(error).__name__})") from None
        if len(self.given) == count:
            self.given.append(None)

    @property
    def asks_what_it_is(self) -> bool:
        """Whether a command was not known that every Redis knows, so that this may be a Sentinel, which does know AUTH."""
        is_unknown = self._error is not None and str(self._error).lower().startswith(UNKNOWN)
        return is_unknown and self._error.command[0] != "AUTH"  # type: ignore[union-attr]

    def take(self, info: object) -> None:
        """Take the answer to INFO. Raises IsSentinel."""
        if (primaries := primaries_of(info)) is not None:
            raise IsSentinel(self._address, primaries)

    def check(self) -> list[Any]:
        if self._error is not None:
            raise self._error
        return self.given


@contextmanager
def _log_in(phases: Phases) -> Iterator[None]:
    """Raises Refused or Unreached without the text of an answer, which may quote the password."""
    with phases.phase("the log-in"):
        try:
            yield
        except IsSentinel:
            raise
        except RedisError as error:
            why = refusal(error)
            error.args = ()
            raise Refused(why) from None


class Line:
    """A connection of one event loop, made when it is first asked."""

    __slots__ = ("_address", "_connection", "_fastest")

    def __init__(self, address: Address) -> None:
        self._address = address
        self._connection = address.for_loops()
        self._fastest = math.inf

    async def ask(self, deadline: float, *commands: Command, connecting: float = CONNECT) -> list[Any]:
        """Send commands in one go and return the answers, within so many seconds. A key that is not there is None.

        Where Redis is far away, three round trips are added to `deadline`. Making the connection may take `connecting`
        seconds more; with none it is part of the deadline. Raises one of FAULTS, Late where an answer is not there in time.
        """
        began = time.monotonic()
        try:
            if not self._connection.is_connected:
                await self._connect(connecting or deadline)
            spent = 0.0 if connecting else time.monotonic() - began
            seconds = self._address.within(max(0.0, deadline - spent))
            try:
                async with asyncio.timeout(seconds):
                    return await self._ask(commands)
            except TimeoutError:
                raise late(commands, seconds) from None
        except BaseException:
            await self.drop()
            raise

    async def _ask(self, commands: tuple[Command, ...]) -> list[Any]:
        sent = time.monotonic()
        answers = await self._exchange(commands)
        self._fastest = _faster(self._address, self._fastest, time.monotonic() - sent)
        return answers.check()

    async def _exchange(self, commands: tuple[Command, ...]) -> _Answers:
        connection, answers = self._connection, _Answers(self._address, commands)
        await connection.send_packed_command(connection.pack_commands(commands))
        for _ in commands:
            with answers.next():
                answers.given.append(await connection.read_response())
        if answers.asks_what_it_is:
            await connection.send_packed_command(connection.pack_commands([INFO]))
            answers.take(await connection.read_response())
        return answers

    async def _connect(self, seconds: float) -> None:
        phases, connection = Phases(seconds), self._connection
        connection._reader, connection._writer = await open_stream(self._address, phases)
        connection._parser.on_connect(connection)  # type: ignore[no-untyped-call]
        self._fastest = math.inf
        if self._address.log_in():  # in no variable, for error reporters print those
            with _log_in(phases):
                async with asyncio.timeout(phases.left):
                    (await self._exchange(self._address.log_in())).check()

    async def drop(self) -> None:
        if self._connection._writer is not None:
            self._connection._writer.transport.abort()  # TLS would wait for the other side to agree
        await self._connection.disconnect(nowait=True)


class Lines:
    """The connections that the writers of one event loop share, for one call each.

    All are kept while it `keeps` them. Otherwise one is, for a few seconds after the last call: by a task, so that whatever
    ends the event loop closes it, too.
    """

    __slots__ = ("_address", "_free", "_keeper", "_slots", "_used_at", "keeps")

    def __init__(self, address: Address) -> None:
        self._address = address
        self._free: list[Line] = []
        self._slots = asyncio.Semaphore(_MOST)
        self._keeper: asyncio.Task[None] | None = None
        self._used_at = 0.0
        self.keeps = False

    async def ask(self, deadline: float, *commands: Command, connecting: float = CONNECT) -> list[Any]:
        """Do what `Line.ask` does, on a connection that is free. Waiting for one counts."""
        ends = time.monotonic() + deadline
        try:
            async with asyncio.timeout(deadline):
                await self._slots.acquire()
        except TimeoutError:
            raise late(commands, deadline, "no connection was free for") from None
        try:
            line = self._free.pop() if self._free else Line(self._address)
            answers = await line.ask(max(0.01, ends - time.monotonic()), *commands, connecting=connecting)
            await self._keep(line)
        finally:
            self._slots.release()
        return answers

    async def _keep(self, line: Line) -> None:
        self._used_at = time.monotonic()
        self._free.append(line)
        if self.keeps or self._slots.locked():  # somebody waits for one
            return
        while len(self._free) > 1:
            await self._free.pop(0).drop()
        if self._keeper is None:
            # Not in the context of the caller, which need not live as long.
            self._keeper = asyncio.get_running_loop().create_task(self._tend(), context=contextvars.Context())

    async def _tend(self) -> None:
        """Close what nobody has used for a while."""
        try:
            while not self.keeps and (left := self._used_at + IDLE - time.monotonic()) > 0:  # noqa: ASYNC110 - each call puts it off
                await asyncio.sleep(left)
        finally:
            self._keeper = None
            if not self.keeps:
                await self.close()

    async def close(self) -> None:
        """Close those that nobody uses."""
        while self._free:
            await self._free.pop().drop()


class ThreadLine:
    """A connection of one thread at a time, made when it is first asked."""

    __slots__ = ("_address", "_connection", "_fastest")

    def __init__(self, address: Address) -> None:
        self._address = address
        self._connection = address.for_threads()
        self._fastest = math.inf

    def ask(self, deadline: float, *commands: Command, connecting: float = CONNECT) -> list[Any]:
        """Do what `Line.ask` does."""
        began = time.monotonic()
        try:
            if self._connection._sock is None:
                self._connect(connecting or deadline)
            spent = 0.0 if connecting else time.monotonic() - began
            sent = time.monotonic()
            answers = self._exchange(commands, self._address.within(max(0.0, deadline - spent)))
            self._fastest = _faster(self._address, self._fastest, time.monotonic() - sent)
            return answers.check()
        except BaseException:
            self.drop()
            raise

    def _exchange(self, commands: tuple[Command, ...], seconds: float) -> _Answers:
        connection, answers = self._connection, _Answers(self._address, commands)
        ends = time.monotonic() + seconds
        connection.send_packed_command(connection.pack_commands(commands))
        for command in commands:
            with answers.next():
                answers.given.append(self._read(command, ends, seconds))
        if answers.asks_what_it_is:
            connection.send_packed_command(connection.pack_commands([INFO]))
            answers.take(self._read(INFO, ends, seconds))
        return answers

    def _read(self, command: Command, ends: float, seconds: float) -> Any:
        if not self._connection.can_read(max(0.0, ends - time.monotonic())):
            raise late((command,), seconds)
        return self._connection.read_response()

    def _connect(self, seconds: float) -> None:
        phases, connection = Phases(seconds), self._connection
        connection.socket_timeout = connection.socket_connect_timeout = seconds
        connection._sock = open_socket(self._address, phases)
        connection._sock.settimeout(seconds)
        connection._parser.on_connect(connection)
        self._fastest = math.inf
        if self._address.log_in():
            with _log_in(phases):
                self._exchange(self._address.log_in(), phases.left).check()

    def drop(self) -> None:
        self._connection.disconnect()


def _faster(address: Address, fastest: float, took: float) -> float:
    """The round trip of a connection: what its fastest answer took. The newest one to learn it tells the others."""
    if took < fastest:
        address.distance = took
    return min(fastest, took)
