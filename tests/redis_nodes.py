"""Nodes of a log, as processes would be, within one process."""

from __future__ import annotations

import asyncio

from patience import HANG as NEVER
from patience import until as until

from wsauth.redis import RedisLog
from wsauth.revocation.record import Record, Verb

LOG = "{wsauth:test}:log"
NODES = "{wsauth:test}:nodes"
SECRET = "a secret of the tests of the log"


class Sockets:
    """Live connections, as far as a log sees them: by subject, as many as there are."""

    def __init__(self, *subjects: str) -> None:
        self.open = list(subjects)
        self.closed: list[str] = []
        self.looks: list[float] = []
        self.threads: list[int] = []

    def __len__(self) -> int:
        return len(self.open)

    def enforce(self, record: Record) -> int:
        (wanted,) = (value for _, value in record.match)
        before = len(self.open)
        self.open = [subject for subject in self.open if subject != wanted]
        self.closed += [wanted] * (before - len(self.open))
        return before - len(self.open)

    def look_again(self, spread: float) -> None:
        self.looks.append(spread)


class Node:
    """A process: a log and what it closes."""

    def __init__(self, url: str, *subjects: str, secrets: tuple[str, ...] = (SECRET,), namespace: str = "test") -> None:
        self.log = RedisLog(url, secrets=list(secrets), namespace=namespace)
        self.sockets = Sockets(*subjects)
        self.log.records.listen(self.sockets)

    @property
    def process(self):
        return self.log._process

    @property
    def reader(self):
        return self.process.readers[asyncio.get_running_loop()]

    async def started(self) -> Node:
        self.log.follow()
        assert await self.log.catch_up(NEVER)
        return self

    def knows(self, *subjects: str) -> bool:
        known = {value for record in self.log.records.live() for _, value in record.match}
        return set(subjects) <= known


def revoking(subject: str, span: float = 3600.0, verb: Verb = Verb.REVOKE):
    return lambda at: Record(verb, frozenset({("subject", subject)}), at, at + span)
