"""A process that nobody is connected to, and those who come back to it, revoked by another process meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

from fakes import ACCEPT, FakeApplication, FakeServer, Store, knocking, named, websocket_scope

from wsauth import Connections, Header, Policy, WebSocketAuthMiddleware
from wsauth.revocation.log import RevocationLog

IDLENESS = (0.0, 5.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 20.0)  # seconds
AGES = (1.0, 4.0)  # seconds before the handshake that the revocation was made

Case = tuple[float, float, str]


async def let_in(make: Callable[[], RevocationLog], idleness: Iterable[float], pace: float = 1.0) -> list[Case]:
    """Who gets into processes that have been idle for so long, each by itself and all at once."""
    cases = [(seconds, age) for seconds in idleness for age in AGES]
    elsewhere = Connections(log=make())
    idle = [Idle(make(), elsewhere, f"{number}", pace) for number in range(len(cases))]
    found = await asyncio.gather(*(one.lets_in(*case) for one, case in zip(idle, cases, strict=True)))
    return [(*case, who) for case, everybody in zip(cases, found, strict=True) for who in everybody]


class Idle:
    """`log` is of the process that is idle. `elsewhere` revokes a token and blocks a session. A second lasts `pace`."""

    def __init__(self, log: RevocationLog, elsewhere: Connections, name: str, pace: float) -> None:
        self._log: Any = log
        self._elsewhere = elsewhere
        self._token, self._session = f"token{name}", f"session{name}"
        self._pace = pace
        session = named(Header("x-session"), Store(**{self._session: None}), "session")
        self.policy = Policy([named(), session], connections=Connections(log=log))
        self._guarded = WebSocketAuthMiddleware(FakeApplication(), self.policy)

    async def lets_in(self, idleness: float, age: float) -> list[str]:
        """Who gets in that comes so long after the last connection, and was revoked `age` before."""
        left = asyncio.Event()
        guest = asyncio.create_task(self._guest(left))
        await asyncio.sleep(self._pace * max(age - idleness, 0.0))
        if idleness < age:
            await self._revoke()
        left.set()
        await guest
        if idleness >= age:
            await asyncio.sleep(self._pace * (idleness - age))
            await self._revoke()
        await asyncio.sleep(self._pace * min(idleness, age))
        await self._hear()
        got_in = await asyncio.gather(self._knocks(b"x-key", self._token), self._knocks(b"x-session", self._session))
        return [who for who in got_in if who]

    async def _guest(self, left: asyncio.Event) -> None:
        """Let somebody be connected until then, who tries until the log has been read."""
        server = FakeServer()
        while server.types()[:1] != [ACCEPT]:
            server = FakeServer()
            task = server.start(self._guarded, knocking(server, key="guest"))
            while not server.wire:
                await asyncio.sleep(0.001)
        await left.wait()
        server.client_leaves()
        await task

    async def _revoke(self) -> None:
        receipts = [
            await self._elsewhere.revoke(subject=self._token),
            await self._elsewhere.block(subject=self._session, until=time.time() + 3600),
        ]
        assert all(receipt.recorded for receipt in receipts)

    async def _hear(self) -> None:
        """Give a reader that reads the time that this machine needs to bring both records."""
        while self._log.keeps_up and not {self._token, self._session} <= self._known():
            await asyncio.sleep(0.005)

    def _known(self) -> set[str]:
        return {value for record in self._log.records.live() for _, value in record.match}

    async def _knocks(self, header: bytes, name: str) -> str:
        server = FakeServer()
        task = server.start(self._guarded, websocket_scope(server, headers=[(header, name.encode())]))
        while not server.wire:
            await asyncio.sleep(0.001)
        server.client_leaves()
        await task
        return name if server.types()[0] == ACCEPT else ""
