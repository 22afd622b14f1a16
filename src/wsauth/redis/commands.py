"""Every command that is sent to Redis, and how its answers are read.

Three keys, in one hash slot: the stream, the processes that read it, and the answers to a record that asks for some.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from wsauth.core.errors import ConfigurationError
from wsauth.redis.address import Command
from wsauth.revocation.record import MAX_AGE

PAGE = 250  # entries that are read at once
ANSWERS_KEPT = 60  # seconds
START = b"0-0"

# `p` names the entry before, so that whoever reads can see what is missing. What is older than any record may be goes.
_APPEND = """
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local before = ''
if last then
  for i = 1, #last[2], 2 do if last[2][i] == 'u' then before = last[2][i + 1] end end
end
local id = redis.call('XADD', KEYS[1], '*', 'u', ARGV[1], 'p', before, 'r', ARGV[2], 'k', ARGV[3], 'm', ARGV[4])
redis.call('XTRIM', KEYS[1], 'MINID', '~', string.format('%.0f', tonumber(string.match(id, '%d+')) - ARGV[5]))
return id
"""
_FIELDS = [b"u", b"p", b"r", b"k", b"m"]
_OLDEST = round((MAX_AGE + 3600.0) * 1000)  # milliseconds

_NAMESPACE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class Entry(NamedTuple):
    """One entry of the stream. Nothing in it is believed until its signature has been checked."""

    id: bytes
    name: bytes
    before: bytes
    body: bytes
    key: bytes
    signature: bytes


class Stream(NamedTuple):
    """The state of the stream. `last` was given to the newest entry, whether or not that is still there.

    `added` counts the entries that it ever had; None before Redis 7.
    """

    length: int
    added: int | None
    last: bytes
    deleted: bytes
    oldest: Entry | None
    newest: Entry | None


class Commands:
    """The commands of one namespace."""

    __slots__ = ("_log", "_nodes", "_prefix", "namespace")

    def __init__(self, namespace: str) -> None:
        if not isinstance(namespace, str) or not _NAMESPACE.fullmatch(namespace):
            raise ConfigurationError(
                f"RedisLog(namespace={namespace!r}): write letters, digits and _.:- (64 at most), one name for each"
                ' application that shares this Redis, as namespace="chat"'
            )
        self.namespace = namespace
        self._prefix = f"{{wsauth:{namespace}}}"
        self._log = f"{self._prefix}:log"
        self._nodes = f"{self._prefix}:nodes"

    def append(self, name: str, sealed: tuple[bytes, bytes, bytes]) -> Command:
        return ("EVAL", _APPEND, 1, self._log, name, *sealed, _OLDEST)

    def read(self, after: bytes, block: float = 0.0) -> Command:
        blocking = ("BLOCK", max(1, round(block * 1000))) if block else ()  # 0 would be for ever
        return ("XREAD", "COUNT", PAGE, *blocking, "STREAMS", self._log, after)

    def look(self) -> Command:
        return ("XINFO", "STREAM", self._log)

    def trim(self, before: bytes) -> Command:
        return ("XTRIM", self._log, "MINID", "~", before)

    def lease(self, node: str, until: float) -> Command:
        return ("ZADD", self._nodes, until, node)

    def forget_leases(self, until: float) -> Command:
        return ("ZREMRANGEBYSCORE", self._nodes, "-inf", until)

    def leave(self, node: str) -> Command:
        return ("ZREM", self._nodes, node)

    def leases(self) -> Command:
        return ("ZRANGE", self._nodes, 0, -1, "WITHSCORES")

    def answer(self, reply: str, node: str, closed: int) -> tuple[Command, Command]:
        key = f"{self._prefix}:reply:{reply}"
        return ("RPUSH", key, f"{node}:{closed}"), ("EXPIRE", key, ANSWERS_KEPT)

    def await_answer(self, reply: str, seconds: float) -> Command:
        return ("BLPOP", f"{self._prefix}:reply:{reply}", f"{max(0.01, seconds):.3f}")


TIME: Command = ("TIME",)
INFO: Command = ("INFO",)
REPLICATION: Command = ("INFO", "replication")


def time_of(answer: Sequence[bytes]) -> float:
    """POSIX seconds."""
    return int(answer[0]) + int(answer[1]) / 1e6


def entries_of(answer: Any) -> list[Entry]:
    """The answer to `read`."""
    return [_entry(each) for each in answer[0][1]] if answer else []


def stream_of(answer: Sequence[Any] | None) -> Stream | None:
    """The answer to `look`."""
    if answer is None:
        return None
    said = dict(zip(answer[::2], answer[1::2], strict=True))
    oldest, newest = said[b"first-entry"], said[b"last-entry"]
    return Stream(
        length=said[b"length"],
        added=said.get(b"entries-added"),
        last=said[b"last-generated-id"],
        deleted=said.get(b"max-deleted-entry-id", START),  # since Redis 7
        oldest=_entry(oldest) if oldest else None,
        newest=_entry(newest) if newest else None,
    )


def nodes_of(answer: Sequence[bytes], now: float) -> set[str]:
    """The answer to `leases`: the processes whose lease has not run out."""
    pairs = zip(answer[::2], answer[1::2], strict=True)
    return {name.decode("utf-8", "replace") for name, until in pairs if float(until) > now}


def answered(answer: Sequence[bytes] | None) -> tuple[str, int] | None:
    """The answer to `await_answer`: who answered, and how many connections it closed."""
    node, _, closed = answer[1].decode("utf-8", "replace").rpartition(":") if answer else ("", "", "")
    return (node, int(closed)) if closed.isascii() and closed.isdigit() and len(closed) < 10 else None


def eviction_of(answer: bytes) -> str:
    """The answer to INFO: the policy by which Redis evicts keys; empty where it evicts none."""
    policy = _told(answer).get("maxmemory_policy", "noeviction")
    return "" if policy == "noeviction" else policy


def is_in_a_cluster(answer: bytes) -> bool:
    """The answer to INFO: whether this is a node of a Redis Cluster."""
    return _told(answer).get("redis_mode") == "cluster"


def is_replica(answer: bytes) -> bool:
    """The answer to REPLICATION: whether this Redis follows another one, which knows more."""
    return _told(answer).get("role", "master") != "master"


def primaries_of(answer: object) -> list[tuple[str, str, str]] | None:
    """The answer to INFO: name, host and port of the primaries that a Sentinel watches; None where it is none."""
    told = _told(answer) if isinstance(answer, bytes) else {}
    if told.get("redis_mode") != "sentinel":
        return None
    return [_primary(value) for name, value in told.items() if re.fullmatch(r"master\d+", name)]


def _primary(said: str) -> tuple[str, str, str]:
    fields = dict(
        field.partition("=")[::2] for field in said.split(",")
    )  # name=mymaster,status=ok,address=10.0.0.1:6379
    host, _, port = fields.get("address", "").rpartition(":")
    return fields.get("name", ""), host.strip("[]"), port


def _told(answer: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in answer.decode("ascii", "replace").splitlines())
    return {name: value.strip() for name, _, value in lines}


def order(entry_id: bytes) -> tuple[int, int]:
    """What to compare ids by."""
    milliseconds, _, number = entry_id.partition(b"-")
    return int(milliseconds), int(number)


def _entry(answer: Sequence[Any]) -> Entry:
    fields, values = answer[1][::2], answer[1][1::2]
    if fields == _FIELDS:
        return Entry(answer[0], *values)
    said = dict(zip(fields, values, strict=True))
    return Entry(answer[0], *(said.get(field, b"") for field in _FIELDS))
