"""What stands in for a connection and for a log, where a test is about neither."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

from wsauth import Identity, Reason
from wsauth.revocation.log import Receipt
from wsauth.revocation.records import Records


class Socket:
    """A connection that notes what is asked of it."""

    def __init__(
        self,
        subject: str = "alice",
        *,
        since: float = 0.0,
        stateful: bool = False,
        can_look_again: bool | None = None,
        loop: Any = None,
        **fields: Any,
    ) -> None:
        self.identity = Identity(subject, **fields)
        self.since = since
        self.stateful = stateful
        self.can_look_again = stateful if can_look_again is None else can_look_again
        self._loop = loop
        self.ended: list[Reason] = []
        self.stopped: list[Reason] = []
        self.later: list[tuple[float, Reason]] = []
        self.looks: list[float] = []
        self.woken = 0

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self._loop or asyncio.get_running_loop()

    def end(self, reason: Reason) -> None:
        self.ended.append(reason)

    def close(self, reason: Reason) -> None:
        self.end(reason)

    def wake(self) -> None:
        self.woken += 1

    def stop(self, reason: Reason) -> None:
        self.stopped.append(reason)

    def end_in(self, seconds: float, reason: Reason) -> None:
        self.later.append((seconds, reason))

    def look_again(self, within: float = 0.0, after: float = 0.0) -> None:
        self.looks.append(within)


class SilentLog:
    """A log whose silence is told, and which brings nothing."""

    reaches_others: ClassVar[bool] = True
    in_transaction: ClassVar[bool] = False

    def __init__(self, silence: float = 0.0) -> None:
        self.records = Records()
        self.silence = silence
        self.waits: list[float] = []
        self.followed = 0
        self.comes_back = False

    def follow(self) -> None:
        self.followed += 1

    async def catch_up(self, seconds: float) -> bool:
        self.waits.append(seconds)
        if self.comes_back:
            self.silence = 0.0
        return self.comes_back

    async def publish(self, make: Callable[[float], Any], wait: float = 0.0) -> Receipt:
        return self.publish_now(make, wait)

    def publish_now(self, make: Callable[[float], Any], wait: float = 0.0) -> Receipt:
        return Receipt(recorded=True, closed=self.records.apply(make(self.records.now())))
