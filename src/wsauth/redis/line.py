"""A connection to Redis that gives up in time, and is never used again after anything has gone wrong on it.

An answer that was not waited for would be taken for the answer to the next question (CVE-2023-28858).
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import redis.asyncio.connection as on_loops
import redis.connection as in_threads
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from wsauth.core.errors import ConfigurationError

FAULTS = (RedisError, OSError)  # of which TimeoutError is one

Command = tuple[str | bytes | int | float, ...]

_ABSENT = "no such key"  # the error that XINFO gives for a stream that is not there
_REFUSED = "it refuses the log-in; its answer is not shown, for it may quote the password"
_MOST = 32  # connections for the writers of one event loop, when all of them write at once

_OURS: dict[str, Any] = {
    "decode_responses": False,  # an entry that is no UTF-8 must not end a reader
    "protocol": 2,
    "retry_on_timeout": False,
    "retry_on_error": [],
    "health_check_interval": 0,
}


class Address:
    """Where Redis is and how to log in there. Does not show how."""

    __slots__ = ("_in_threads", "_on_loops", "_shown")

    def __init__(self, url: str) -> None:
        try:
            options = dict(in_threads.parse_url(url))  # type: ignore[no-untyped-call]
            self._in_threads = (options.pop("connection_class", in_threads.Connection), options | _OURS)
            options = dict(on_loops.parse_url(url))
            self._on_loops = (options.pop("connection_class", on_loops.Connection), options | _OURS)
            self._shown = str(options.get("path") or f"{options.get('host', 'localhost')}:{options.get('port', 6379)}")
            self._shown += f"/{options.get('db', 0)}"
            self.for_threads()
            self.for_loops()
        except (AttributeError, TypeError, ValueError, RedisError):
            raise ConfigurationError(
                "RedisLog(url=...) is no address of Redis; write redis://host:6379/0, rediss://user:password@host:6379/0"
                " or unix:///run/redis.sock"
            ) from None

    def __repr__(self) -> str:
        return self._shown

    def for_threads(self) -> Any:  # redis-py leaves these untyped
        cls, options = self._in_threads
        return cls(**options, retry=Retry(NoBackoff(), 0))

    def for_loops(self) -> on_loops.AbstractConnection:
        cls, options = self._on_loops
        options = options | {"socket_timeout": None, "socket_connect_timeout": None}
        return cls(**options, retry=Retry(NoBackoff(), 0))  # type: ignore[no-any-return]


class Line:
    """A connection of one event loop, made when it is first asked."""

    __slots__ = ("_connection",)

    def __init__(self, address: Address) -> None:
        self._connection = address.for_loops()

    async def ask(self, deadline: float, *commands: Command) -> list[Any]:
        """Send commands in one go and return the answers, within so many seconds. A key that is not there is None.

        Raises one of FAULTS.
        """
        connection = self._connection
        answers: list[Any] = []
        try:
            async with asyncio.timeout(deadline):
                try:
                    await connection.connect()  # type: ignore[no-untyped-call]
                except ResponseError:
                    raise NotConnected(_REFUSED) from None
                await connection.send_packed_command(connection.pack_commands(commands))
                for _ in commands:
                    try:
                        answers.append(await connection.read_response())
                    except ResponseError as error:
                        if str(error) != _ABSENT:
                            raise
                        answers.append(None)
        except BaseException:
            await self.drop()
            raise
        return answers

    async def drop(self) -> None:
        await self._connection.disconnect(nowait=True)


class Lines:
    """The connections that the writers of one event loop share, for one call each. Closed after it unless `keeps`."""

    __slots__ = ("_address", "_free", "_slots", "keeps")

    def __init__(self, address: Address) -> None:
        self._address = address
        self._free: list[Line] = []
        self._slots = asyncio.Semaphore(_MOST)
        self.keeps = False

    async def ask(self, deadline: float, *commands: Command) -> list[Any]:
        """Do what `Line.ask` does, on a connection that is free. Waiting for one counts."""
        async with asyncio.timeout(deadline), self._slots:
            line = self._free.pop() if self._free else Line(self._address)
            try:
                answers = await line.ask(deadline, *commands)
                self._free.append(line)
            finally:
                if not self.keeps:
                    await self.close()
            return answers

    async def close(self) -> None:
        """Close those that nobody uses."""
        while self._free:
            await self._free.pop().drop()


class ThreadLine:
    """A connection of one thread at a time, made when it is first asked."""

    __slots__ = ("_connection",)

    def __init__(self, address: Address) -> None:
        self._connection = address.for_threads()

    def ask(self, deadline: float, *commands: Command) -> list[Any]:
        """Do what `Line.ask` does. Making the connection may take as long as the rest."""
        connection = self._connection
        answers: list[Any] = []
        try:
            connection.socket_timeout = connection.socket_connect_timeout = deadline
            try:
                connection.connect()
            except ResponseError:
                raise NotConnected(_REFUSED) from None
            ends = time.monotonic() + deadline
            connection.send_packed_command(connection.pack_commands(commands))
            for _ in commands:
                if not connection.can_read(max(0.0, ends - time.monotonic())):
                    raise TimeoutError("no answer in time")
                try:
                    answers.append(connection.read_response())
                except ResponseError as error:
                    if str(error) != _ABSENT:
                        raise
                    answers.append(None)
        except BaseException:
            self.drop()
            raise
        return answers

    def drop(self) -> None:
        self._connection.disconnect()
