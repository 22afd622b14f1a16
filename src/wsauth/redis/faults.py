"""What can go wrong with Redis: what it is called, and what to do about it, in one sentence for the log.

Nothing of an address but host, port and database is shown, and of what Redis answers nothing that it may have been sent:
an answer to a log-in can quote the password.
"""

from __future__ import annotations

import re
import shlex
from typing import NamedTuple

from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import InvalidResponse, RedisError, ResponseError

from wsauth.redis.address import SENTINEL_PORT, Address, Command

FAULTS = (RedisError, OSError)  # of which TimeoutError is one

ABSENT = "no such key"  # the error that XINFO gives for a stream that is not there
UNKNOWN = "unknown command"

_LONGEST = 160  # characters of an answer that are shown
_MOVED = re.compile(r"(?:MOVED )?\d+ (\S*):(\d+)$")
_CODE = re.compile(r"\b([A-Z]{3,16})\b")
_BY_CLASS = {  # for redis-py takes the code out of the text where it has a class for it
    "ReadOnlyError": "READONLY",
    "OutOfMemoryError": "OOM",
    "BusyLoadingError": "LOADING",
    "NoPermissionError": "NOPERM",
    "AuthenticationError": "NOAUTH",
    "MasterDownError": "MASTERDOWN",
    "MovedError": "MOVED",
    "AskError": "ASK",
    "TryAgainError": "TRYAGAIN",
    "ClusterDownError": "CLUSTERDOWN",
    "ClusterCrossSlotError": "CROSSSLOT",
}
_MEANINGS = {
    "READONLY": "it is a replica, which is behind; write the address of the primary",
    "UNBLOCKED": "it has become a replica, which is behind; write an address that always leads to the primary",
    "MASTERDOWN": "it is a replica that has lost its primary; write the address of the primary",
    "NOAUTH": "it wants a user or a password; write redis://user:password@host:6379/0",
    "NOPERM": "its account lacks a right; docs/redis.md names those that are needed",
    "OOM": "its memory is full, so it takes no writes; raise maxmemory, or remove what fills it",
    "MISCONF": "it cannot save to its disk and so takes no writes; see its own log, or stop-writes-on-bgsave-error",
    "NOREPLICAS": "it has too few replicas and so takes no writes; see min-replicas-to-write",
    "LOADING": "it is still reading its data from its disk; that ends by itself",
    "BUSY": "a script of somebody keeps it busy; `redis-cli SCRIPT KILL` ends it",
    "DENIED": "it is in protected mode and lets nobody in from elsewhere; give it a password, or a bind address",
    "MAXCLIENTS": "it has as many clients as it may; raise maxclients, or see who keeps so many connections",
}
_CLUSTERS = frozenset({"MOVED", "ASK", "CLUSTERDOWN", "CROSSSLOT", "TRYAGAIN"})
ELSEWHERE = _CLUSTERS | {"READONLY", "UNBLOCKED", "MASTERDOWN"}  # the log is kept by another Redis, not by this one
_CODES = _MEANINGS.keys() | _CLUSTERS | {"WRONGTYPE"}


class Late(TimeoutError):
    """An answer, or a phase of making a connection, took longer than it may. `phase` names it."""

    def __init__(self, phase: str, what: str, seconds: float) -> None:
        super().__init__(f"{what.strip()} within {seconds:.1f} s")
        self.phase = phase


def late(commands: tuple[Command, ...], seconds: float, what: str = "no answer to") -> Late:
    name = str(commands[0][0])
    return Late(name, f"{what} {name}", seconds)


class Unreached(NotConnected):
    """A phase of making a connection failed."""

    def __init__(self, phase: str, cause: Exception, before: str = "") -> None:
        super().__init__(f"{before} {phase} failed: {_reason(cause)}".strip())
        self.phase = phase
        self.cause = type(cause).__name__


class Refused(NotConnected):
    """The log-in was refused. Its answer is not shown."""


class IsSentinel(RedisError):
    """What answers is a Sentinel, which watches primaries and holds no data."""

    def __init__(self, address: Address, primaries: list[tuple[str, str, str]]) -> None:
        found = " or ".join(f"{address.beside(host, port)} ({name})" for name, host, port in primaries)
        super().__init__(
            "this is a Sentinel, which holds no data; write the address of the primary that it watches,"
            f" {found or 'which it does not name'}, or one that always leads there"
        )


_REFUSALS = (
    ("without any password", "it has no password, and the address gives one"),
    ("no password is set", "it has no password, and the address gives one"),
    ("WRONGPASS", "the user or the password of the address is wrong"),
    ("invalid username-password pair", "the user or the password of the address is wrong, or the user is disabled"),
    ("invalid password", "the password of the address is wrong"),
    ("Authentication required", "it wants a user or a password, and the address gives none"),
    ("out of range", "it has no database of the number in the address"),
    ("cluster mode", "this is a node of a Redis Cluster, which RedisLog does not follow and which has no databases"),
    ("no permissions to run the 'select'", "the account of the address may not SELECT a database"),
    ("max number of clients", _MEANINGS["MAXCLIENTS"]),
    ("closed by server", "it closes the connection; if it speaks TLS there, write rediss://"),
    ("Error while reading from", "it closes the connection; if it speaks TLS there, write rediss://"),
    ("while writing to socket", "it closes the connection; if it speaks TLS there, write rediss://"),
)


def refusal(error: RedisError) -> str:
    """Say why a log-in is refused, in words of our own."""
    if isinstance(error, InvalidResponse):
        return "what answers is no Redis, or speaks TLS; write rediss:// then"
    text = str(error)
    why = next((meaning for words, meaning in _REFUSALS if words.lower() in text.lower()), "")
    return f"it refuses the log-in; {why or 'its answer is not shown, for it may quote the password'}"


class Fault(NamedTuple):
    """What to say of a fault. What is of the same `kind` has the same cause."""

    kind: str
    text: str


def code_of(error: object) -> str:
    """The word by which Redis names an error; that of the command where it came from a script. Empty where there is none."""
    if not isinstance(error, RedisError):
        return ""
    if (known := _BY_CLASS.get(type(error).__name__)) is not None:
        return known
    text = str(error)
    if text.startswith("max number of clients"):
        return "MAXCLIENTS"
    return next((code for code in _CODE.findall(text) if code in _CODES), "")


def explain(error: object, address: Address) -> Fault:
    """Name a fault, for the log or for an exception."""
    if isinstance(error, Late | Unreached):
        cause = error.cause if isinstance(error, Unreached) else "late"
        return Fault(f"{error.phase}: {cause}", f"{error}{_hint(error, address)}")
    name, code = type(error).__name__, code_of(error)
    if isinstance(error, Refused | IsSentinel):
        return Fault(f"{name}: {error}", f"{error}")
    command: Command = getattr(error, "command", ())
    shown = f"{name}: {_shown(error)}"
    if meaning := _meaning(code, error, command, address):
        return Fault(f"{code} {_key(command)}", f"{shown} - {meaning}")
    return Fault(f"{name}: {shown[:40] if isinstance(error, ResponseError) else ''}", f"{shown}{_hint(error, address)}")


def _meaning(code: str, error: object, command: Command, address: Address) -> str:
    if code == "WRONGTYPE":
        return (
            f"somebody has put something else under the key {_key(command)!r}; this mends it:"
            f" {_cli(address)} DEL {shlex.quote(_key(command))}"
        )
    if code in _CLUSTERS:
        moved = _MOVED.match(str(error)) if code == "MOVED" else None
        where = f", or {address.beside(*moved.groups())}, which holds the keys until they move" if moved else ""
        return (
            "this is a node of a Redis Cluster, which RedisLog does not follow; write the address of a Redis that is no"
            f" part of one: redis://host:6379/0{where}"
        )
    return _MEANINGS.get(code, "")


def _hint(error: object, address: Address) -> str:
    """What a fault most likely comes from, where the address tells."""
    text = str(error)
    if address.port == SENTINEL_PORT and not address.path:
        return f" - {SENTINEL_PORT} is the port of a Sentinel; write the address of the primary"
    if address.tls is None and isinstance(error, InvalidResponse):
        return " - this is no Redis, or it speaks TLS; write rediss:// then"
    if "WRONG_VERSION_NUMBER" in text or "RECORD_LAYER_FAILURE" in text:
        return " - it does not speak TLS there; write redis://, or the port that does"
    if isinstance(error, Late) and error.phase == "TLS":
        return " - perhaps it does not speak TLS there; write redis://, or the port that does"
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return " - name its authority with ?ssl_ca_certs=/path/to/ca.pem"
    if UNKNOWN in text.lower():
        return " - RedisLog needs Redis 6.2 or later, with none of its commands renamed"
    return ""


def _cli(address: Address) -> str:
    """How to reach the same database by hand, without user and password."""
    if address.path:
        return f"redis-cli -s {shlex.quote(address.path)} -n {address.db}"
    return (
        f"redis-cli -h {shlex.quote(address.host)} -p {address.port} -n {address.db}{' --tls' if address.tls else ''}"
    )


def _key(command: Command) -> str:
    """The key that a command of ours is about."""
    return next((str(word) for word in command[1:] if str(word).startswith("{wsauth:")), "")


def _shown(error: object) -> str:
    """An answer, without what could forge a line of the log or fill it."""
    text = "".join(char if char.isprintable() else "?" for char in str(error))
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."


def _reason(cause: Exception) -> str:
    return f"{type(cause).__name__}: {_shown(cause)}"
