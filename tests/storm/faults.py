"""What goes wrong in the storm. Each fault is over when its function returns; what it did is for the log to find."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol

import redis.asyncio
from redis_far import PASSWORD
from redis_server import RedisServer, free_port

from storm.people import People
from storm.processes import Nodes
from storm.store import SECRET
from wsauth.redis.signing import Keyring
from wsauth.revocation.record import Record, Verb

if TYPE_CHECKING:
    from servers.process import Server

TAIL = 2.0  # seconds that a failover loses
AHEAD = 3600.0  # seconds by which the clock of the lost primary was ahead
_KEYRING = Keyring([SECRET], "default")


class Affected(Protocol):
    """The storm, as far as a fault acts on more than Redis."""

    nodes: Nodes
    people: People

    def kill(self, node: Server) -> None: ...

    async def revoke_elsewhere(self, url: str) -> None: ...


class Faults:
    """`key` is the stream, `freeze` and `suspension` are seconds."""

    def __init__(self, server: RedisServer, key: str, storm: Affected, freeze: float, suspension: float) -> None:
        self._server = server
        self._key = key
        self._storm = storm
        self._freeze = freeze
        self._suspension = suspension

    async def killed(self) -> None:
        """A crash without a disk."""
        await asyncio.to_thread(self._server.restart, empty=True)

    async def frozen(self) -> None:
        self._server.freeze()
        await asyncio.sleep(self._freeze)
        self._server.thaw()

    async def cut_off(self) -> None:
        """Every connection to Redis is closed, three times."""
        for _ in range(3):
            await self._do("CLIENT", "KILL", "TYPE", "normal")
            await asyncio.sleep(0.5)

    async def flushed(self) -> None:
        """As Django's `cache.clear()` does it."""
        await self._do("FLUSHDB")

    async def deleted(self) -> None:
        await self._do("DEL", self._key)

    async def trimmed(self) -> None:
        await self._do("XTRIM", self._key, "MAXLEN", "5")
        await asyncio.sleep(2.0)
        await self._do("XTRIM", self._key, "MAXLEN", "0")

    async def failed_over(self) -> None:
        """A replica takes over that lacks the last seconds, from a primary whose clock was an hour ahead."""
        stored = self._server.directory / "appendonlydir"
        replica = self._server.directory / "replica"
        self._server.freeze()
        await asyncio.to_thread(shutil.copytree, stored, replica)
        self._server.thaw()
        await self._do("XADD", self._key, f"{int((time.time() + AHEAD) * 1000)}-0", "u", "?")
        await asyncio.sleep(TAIL)
        await asyncio.to_thread(self._server.kill)
        shutil.rmtree(stored)
        replica.rename(stored)
        await asyncio.to_thread(self._server.start)

    async def forged(self) -> None:
        """Entries that nobody with the secret has written, that are no text, that are told twice, and of a later version."""
        for fields in (*self._lies(), *await self._repetitions(), self._later_version()):
            await self._do("XADD", self._key, "*", *(part for pair in fields.items() for part in pair))

    def _lies(self) -> list[dict[str, Any]]:
        now = time.time()
        record = Record(Verb.REVOKE, frozenset({("subject", self._storm.people.innocent())}), now, now + 3600)
        body, key, signature = _KEYRING.seal(record)
        sealed_by_another = Keyring([hashlib.sha256(b"another secret").digest()], "default").seal(record)
        entry = {"u": record.id, "p": "", "r": body, "k": key}
        return [
            entry | {"m": b"0" * len(signature)},
            entry | {"m": b""},
            entry | dict(zip(("r", "k", "m"), sealed_by_another, strict=True)),
            entry | {"r": body.replace(b"REVOKED", b"EXPIRED"), "m": signature},
            entry | {"r": b"\xff\xfe\x00", "m": signature},
            entry | {"r": b"x" * 100_000, "m": signature},
            {"u": b"\xff\xfe", "p": b"\xff", "r": b"\xc3\x28", "k": b"\xff", "m": b"\xff"},
            {b"\xff": b"\xff"},
            {"r": b"[" * 4000, "u": os.urandom(16)},
        ]

    async def _repetitions(self) -> list[dict[bytes, bytes]]:
        """What was signed once, told again: as it was, and under another name."""
        connection = redis.asyncio.Redis(port=self._server.port, password=PASSWORD)
        async with connection:
            entries = [fields for _, fields in await connection.xrevrange(self._key, count=20) if b"m" in fields]
        return [*entries, *(fields | {b"u": os.urandom(16).hex().encode()} for fields in entries)]

    def _later_version(self) -> dict[str, Any]:
        """Signed by us, and of a version that nobody here can read."""
        record = Record(
            Verb.RECHECK, frozenset({("subject", self._storm.people.innocent())}), time.time(), time.time() + 600
        )
        body = record.encode().replace(b'{"v":1', b'{"v":2')
        sealed = _resealed(body)
        return {"u": record.id, "p": "", **dict(zip(("r", "k", "m"), sealed, strict=True))}

    # Of nodes, and of a Redis that is replaced

    async def suspended(self) -> None:
        """A node stands still for longer than the blind limit, while its clients go on talking to it."""
        node = self._storm.nodes.running[0]
        self._storm.nodes.suspend(node)
        await asyncio.sleep(self._suspension)
        self._storm.nodes.resume(node)

    async def lost_with_its_outbox(self) -> None:
        """A node dies that could not tell Redis what it had been told."""
        self._server.freeze()
        await asyncio.sleep(2.0)
        self._storm.kill(self._storm.nodes.running[0])
        self._server.thaw()
        await self._storm.nodes.start()

    async def demoted(self) -> None:
        """Another Redis is promoted while ours, cut off from it, goes on answering; then ours catches up and is primary."""
        with RedisServer("--requirepass", PASSWORD, "--masterauth", PASSWORD) as other:
            await self._replicate(other, self._server.port)
            await self._do("REPLICAOF", "NO", "ONE", at=other)
            await self._do("REPLICAOF", "127.0.0.1", str(free_port()))
            await self._storm.revoke_elsewhere(f"redis://:{PASSWORD}@127.0.0.1:{other.port}/0")
            await self._replicate(self._server, other.port)
            await self._do("REPLICAOF", "NO", "ONE")

    async def _replicate(self, replica: RedisServer, port: int) -> None:
        await self._do("REPLICAOF", "127.0.0.1", str(port), at=replica)
        while b"master_link_status:up" not in await self._do("INFO", "replication", at=replica):
            await asyncio.sleep(0.05)

    async def _do(self, *command: Any, at: RedisServer | None = None) -> Any:
        port = (at or self._server).port
        async with redis.asyncio.Redis(port=port, password=PASSWORD) as connection:
            connection.response_callbacks.clear()  # as they are on the wire
            return await connection.execute_command(*command)


class _As:
    """A record that says of itself what it likes."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def encode(self) -> bytes:
        return self._body


def _resealed(body: bytes) -> tuple[bytes, bytes, bytes]:
    return _KEYRING.seal(_As(body))  # type: ignore[arg-type]


Fault = Callable[[Faults], Awaitable[None]]

OF_REDIS: tuple[Fault, ...] = (
    Faults.killed,
    Faults.cut_off,
    Faults.flushed,
    Faults.forged,
    Faults.deleted,
    Faults.failed_over,
    Faults.trimmed,
    Faults.killed,
)
EVERY: tuple[Fault, ...] = (
    *OF_REDIS,
    Faults.suspended,
    Faults.lost_with_its_outbox,
    Faults.demoted,
    Faults.frozen,
    Faults.killed,
)
SHORT: tuple[Fault, ...] = (
    Faults.forged,
    Faults.failed_over,
    Faults.suspended,
    Faults.lost_with_its_outbox,
    Faults.demoted,
    Faults.frozen,
    Faults.killed,
)
