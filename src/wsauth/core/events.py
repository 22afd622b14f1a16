"""What wsauth tells a program about its connections: one typed stream, and the callables (sinks) that it goes to.

Of one connection the order is: ACCEPTED, any number of RECHECKED, at most one EXPIRED or REVOKED, exactly one CLOSED.
What is refused gives one DENIED and nothing else.
"""

from __future__ import annotations

import hashlib
import inspect
import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from wsauth.core import settings
from wsauth.core.errors import ConfigurationError
from wsauth.core.reasons import Reason
from wsauth.core.verifier import is_async

logger = logging.getLogger("wsauth")
lines = logging.getLogger("wsauth.events")

# What identifies something may consist of this alone: no path, query, header or text fits, and none can forge a log line.
_SHAPES = {
    "scheme": re.compile(r"[A-Za-z0-9.\-_]*"),  # as SecurityScheme has it
    "subject_hash": re.compile(r"([0-9a-f]{16})?"),
    "connection_id": re.compile(r"[0-9a-f]*"),
    "incident": re.compile(r"[0-9a-f]*"),
}


class EventKind(Enum):
    """What happened. Beside each kind stands what `Event.seconds` measures."""

    ACCEPTED = "accepted"  # from the handshake's arrival to the decision; a FirstMessage is waited for meanwhile
    DENIED = "denied"  # the same
    WOULD_DENY = "would_deny"  # the same; ReportOnly let it pass
    EXPIRED = "expired"  # how long the connection lived
    REVOKED = "revoked"  # the same; ended by wsauth for any other reason, see `Event.reason`
    RECHECKED = "rechecked"  # how long the look-up took
    CLOSED = "closed"  # how long the connection lived
    LOG_STALE = "log_stale"  # since the log of revocations was last read to its end; infinite where it never was
    LOG_SYNCED = "log_synced"  # how long it had been stale: it comes after a LOG_STALE only
    LOG_READ = "log_read"  # since every record was last known: once a minute
    RECORDS = "records"  # the age of the oldest revocation that is held, and `count` how many: once a minute
    RECORDS_MANY = "records_many"  # the same, once they are half as many as can be held
    CLOCK_OFF = "clock_off"  # by how much the clock of this machine is wrong, by that of the log
    CLOCK_RIGHT = "clock_right"  # nothing: it comes after a CLOCK_OFF only


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a connection, or to the log of revocations. It holds no secret and no text of a client.

    `reason` says why it was refused or ended; None where nothing was: a connection that was accepted, one that goes on after
    its re-check, one that the client or the application closed. `scheme` names the security scheme that decided.
    `subject_hash` tells one user's connections from another's. `connection_id` is that of `Connection.id`, `incident` the id
    that ties a refusal to its line in the log and to what its client was told. What does not apply is empty.
    What `seconds` and `count` measure depends on the kind, see `EventKind`. Raises ValueError for an identifier of another
    shape.
    """

    kind: EventKind
    reason: Reason | None = None
    scheme: str = ""
    subject_hash: str = ""
    connection_id: str = ""
    seconds: float = 0.0
    incident: str = ""
    count: int = 0

    def __post_init__(self) -> None:
        for name, shape in _SHAPES.items():
            if not shape.fullmatch(getattr(self, name)):
                raise ValueError(f"Event.{name} must match {shape.pattern}")  # and may be a secret: it is not shown


EventSink = Callable[[Event], object]


def subject_hash(subject: str, issuer: str | None = None) -> str:
    """Return 16 hexadecimal digits for a subject (of its SHA-256), and nothing for the anonymous one.

    The subjects of each issuer have hashes of their own. This is a pseudonym and no secrecy: who knows or guesses a subject
    (a row number, an e-mail address) finds its hash.
    """
    text = subject.encode("utf-8", "surrogatepass")
    if issuer is not None:
        text = hashlib.sha256(issuer.encode("utf-8", "surrogatepass")).digest() + text
    return hashlib.sha256(text).hexdigest()[:16] if subject else ""


def check_sinks(sinks: Iterable[EventSink]) -> tuple[EventSink, ...]:
    """Return the sinks of `Policy(events=[...])`. Raises ConfigurationError unless each can be called with an event."""
    checked: tuple[EventSink, ...] = settings.listed("events", sinks, "log_events")
    for sink in checked:
        _check_sink(sink)
    return checked


def _check_sink(sink: object) -> None:
    name = _name(sink)
    if inspect.isclass(sink):
        raise ConfigurationError(f"Policy(events=[...]): {name} is a class; write {name}(...)")
    if not callable(sink):
        raise ConfigurationError(f"Policy(events=[...]) holds a {name}; write log_events, or `def {name}(event)`")
    if is_async(sink):
        raise ConfigurationError(
            f"Policy(events=[...]): {name} is async, and a sink is called, not awaited; write a plain function that hands"
            " the event on, such as the `put_nowait` of an asyncio.Queue that a task of yours reads"
        )
    if not _takes_an_event(sink):
        raise ConfigurationError(f"Policy(events=[...]): {name} is called with one event; write `def {name}(event)`")


def _takes_an_event(sink: Callable[..., object]) -> bool:
    try:
        inspect.signature(sink).bind(object())
    except TypeError:
        return False
    except ValueError:  # some callables written in C do not tell
        return True
    return True


def emit(sinks: Iterable[EventSink], event: Event) -> None:
    """Hand the event to each sink, in order. Whatever a sink does wrong harms neither the others nor the connection."""
    for sink in sinks:
        try:
            answer = sink(event)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # also a CancelledError: nobody cancels the connection's task in here
            _log_once(sink, f"raised {type(error).__qualname__}")
        else:
            if inspect.iscoroutine(answer):
                answer.close()
                _log_once(sink, "returned a coroutine, which nobody awaits")


_failed: dict[int, EventSink] = {}  # by id, and the sink with it, so that no other takes over its id


def _log_once(sink: EventSink, what: str) -> None:
    """Log what a sink did wrong the first time, without the text of its exception."""
    if id(sink) not in _failed:
        _failed[id(sink)] = sink
        logger.error("the event sink %s %s; the connection is not affected; logged once", _name(sink), what)


def _name(sink: object) -> str:
    """Name a sink by what its author called it, never by its `repr`."""
    return str(getattr(sink, "__name__", type(sink).__name__))


def log_events(event: Event) -> None:
    """Write the event as one line to the logger "wsauth.events": at INFO, what needs somebody to act at WARNING."""
    level = logging.WARNING if event.kind in _WARNINGS else logging.INFO
    if lines.isEnabledFor(level):
        lines.log(level, "%s", _line(event))


_WARNINGS = (EventKind.LOG_STALE, EventKind.RECORDS_MANY, EventKind.CLOCK_OFF)


def _line(event: Event) -> str:
    """Return the event as key=value, without what is empty."""
    values = {
        "kind": event.kind.value,
        "reason": event.reason.name.lower() if event.reason else "",
        "scheme": event.scheme,
        "subject": event.subject_hash,
        "connection": event.connection_id,
        "seconds": f"{event.seconds:.6f}",
        "incident": event.incident,
        "count": event.count,
    }
    return " ".join(f"{key}={value}" for key, value in values.items() if value)
