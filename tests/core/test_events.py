"""Events say what happened without a secret, and no sink harms the connection that it hears of."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import functools
import hashlib
import logging
import math
import re
from pathlib import Path

import pytest

from wsauth import ConfigurationError, Reason
from wsauth.core.events import Event, EventKind, check_sinks, emit, log_events, subject_hash

PAGE = (Path(__file__).parents[2] / "docs" / "events.md").read_text("utf-8")
EVENT = Event(EventKind.ACCEPTED)
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the page's table that begins with a heading."""
    table = PAGE.split(f"| {heading} |", 1)[1].split("\n\n", 1)[0]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in table.splitlines()[2:]]


# The event


def test_the_page_has_every_kind_and_every_field():
    """The tables of docs/events.md are those of the code, in its order."""
    assert [cells[0] for cells in rows("kind")] == [f"`{kind.value}`" for kind in EventKind]
    assert [cells[0] for cells in rows("field")] == [f"`{field.name}`" for field in dataclasses.fields(Event)]


def test_an_event_is_a_value():
    """It can be kept and compared, and no sink can change what the next one sees."""
    assert Event(EventKind.CLOSED, Reason.EXPIRED) == Event(EventKind.CLOSED, Reason.EXPIRED)
    with pytest.raises(dataclasses.FrozenInstanceError):
        EVENT.scheme = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    "value",
    [
        TOKEN,
        "alice@example.com",
        "/chat?token=1",
        "Bearer 1",
        "a\nkind=accepted",
        "0123456789abcdef\n",
        "0123456789ABCDEF",
        " ",
        "ä",
    ],
)
@pytest.mark.parametrize("field", ["subject_hash", "connection_id", "incident"])
def test_no_secret_and_no_text_fits_an_identifier(field: str, value: str):
    """A subject, token or path that is put there by mistake raises, and the error does not show it."""
    with pytest.raises(ValueError, match=f"Event.{field}") as refused:
        Event(EventKind.DENIED, **{field: value})
    assert not value.strip() or value not in str(refused.value)


@pytest.mark.parametrize("value", ["/chat?token=1", "Bearer 1", "a\nkind=accepted", "a=b", '"', "a\n"])
def test_only_the_name_of_a_scheme_fits_scheme(value: str):
    """The same characters that SecurityScheme takes for its name."""
    with pytest.raises(ValueError, match=r"Event\.scheme"):
        Event(EventKind.DENIED, scheme=value)


@pytest.mark.parametrize("value", ["0123456789abcde", "0123456789abcdef0", hashlib.sha256(b"alice").hexdigest()])
def test_a_subject_hash_has_its_one_length(value: str):
    """A whole digest would be the name of a session."""
    with pytest.raises(ValueError, match=r"Event\.subject_hash"):
        Event(EventKind.DENIED, subject_hash=value)


def test_a_subject_is_hashed():
    """The first 16 digits of SHA-256; one subject has one, whatever characters are in it."""
    assert subject_hash("alice") == hashlib.sha256(b"alice").hexdigest()[:16] == subject_hash("alice")
    assert subject_hash("alice") != subject_hash("Alice")
    for odd in ("ä", "\ud800", "\0", "a" * 100_000):
        Event(EventKind.CLOSED, subject_hash=subject_hash(odd))


def test_nobody_has_no_hash():
    """An anonymous identity has no subject; the hash of "" would look like a user."""
    assert subject_hash("") == ""


def test_the_subject_of_each_issuer_has_a_hash_of_its_own():
    """Two issuers' "1" are two people, and neither is the "1" that nobody vouches for."""
    hashes = [subject_hash("1", issuer) for issuer in (None, "", "a", "b", "1")]
    assert len(set(hashes)) == len(hashes)
    assert subject_hash("1", "a") != subject_hash("a", "1")
    assert subject_hash("", "a") == ""


# Sinks of a policy


class Callable:
    def __call__(self, event: Event) -> None: ...


class AsyncCallable:
    async def __call__(self, event: Event) -> None: ...


def plain(event: Event) -> None: ...


async def notify(event: Event) -> None: ...


def no_argument() -> None: ...


def two_arguments(event: Event, more: object) -> None: ...


@pytest.mark.parametrize(
    "sink",
    [
        plain,
        Callable(),
        [].append,
        collections.deque().append,
        functools.partial(two_arguments, more=1),
        log_events,
        print,
    ],
)
def test_any_callable_of_one_event_is_a_sink(sink: object):
    """Functions, objects, methods, partials, and what is written in C."""
    assert check_sinks([sink]) == (sink,)  # type: ignore[list-item]


def test_what_does_not_tell_its_arguments_is_believed():
    """Some callables have no signature to look at."""

    class Silent:
        __signature__ = property(lambda self: (_ for _ in ()).throw(ValueError))

        def __call__(self, *arguments: object) -> None: ...

    sink = Silent()
    assert check_sinks([sink]) == (sink,)


def test_sinks_are_kept_in_their_order():
    """And as a tuple: a list that changes later changes no policy."""
    sinks = [plain, Callable(), log_events]
    assert check_sinks(iter(sinks)) == tuple(sinks)
    assert check_sinks([]) == ()


@pytest.mark.parametrize(
    ("sinks", "words"),
    [
        ([notify], "notify is async.*put_nowait"),
        ([AsyncCallable()], "AsyncCallable is async"),
        ([functools.partial(notify)], "is async"),
        ([plain, asyncio.Queue().put], "put is async"),
        ([Callable], r"Callable is a class; write Callable\(\.\.\.\)"),
        (["log_events"], "holds a str; write log_events"),
        ([None], "holds a NoneType"),
        ([no_argument], r"no_argument is called with one event; write `def no_argument\(event\)`"),
        ([two_arguments], "two_arguments is called with one event"),
        (plain, r"write a list, as events=\[log_events\]"),
        ("log_events", r"write a list, as events=\[log_events\]"),
        (None, r"write a list, as events=\[log_events\]"),
    ],
)
def test_what_is_no_sink_is_refused_when_the_policy_is_made(sinks: object, words: str):
    """The message says what was found and what to write instead."""
    with pytest.raises(ConfigurationError, match=words):
        check_sinks(sinks)  # type: ignore[arg-type]


def test_a_refused_sink_is_not_shown():
    """A URL with a password in it is no sink, and no part of the message."""
    with pytest.raises(ConfigurationError) as refused:
        check_sinks(["redis://:password@host"])  # type: ignore[list-item]
    assert "password" not in str(refused.value)


# Emitting


class Failing:
    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.calls = 0

    def __call__(self, event: Event) -> None:
        self.calls += 1
        raise self.error


def test_every_sink_gets_every_event_in_order():
    """As it is, and once."""
    heard: list[object] = []
    sinks = check_sinks([heard.append, lambda event: heard.append(event.kind)])
    emit(sinks, EVENT)
    emit(sinks, Event(EventKind.CLOSED))
    assert heard == [EVENT, EventKind.ACCEPTED, Event(EventKind.CLOSED), EventKind.CLOSED]


@pytest.mark.parametrize("error", [RuntimeError(TOKEN), asyncio.CancelledError(), GeneratorExit()])
def test_a_failing_sink_harms_nobody_and_is_logged_once(error: BaseException, caplog: pytest.LogCaptureFixture):
    """By the names of its type and its error's; the error's text may quote anything. It is still called."""
    heard: list[Event] = []
    sink = Failing(error)
    for _ in range(3):
        emit([sink, heard.append], EVENT)
    assert (sink.calls, heard) == (3, [EVENT] * 3)
    [record] = caplog.records
    assert (record.name, record.levelno, record.exc_info) == ("wsauth", logging.ERROR, None)
    assert f"Failing raised {type(error).__name__};" in record.getMessage()
    assert TOKEN not in record.getMessage()


def test_each_failing_sink_is_logged(caplog: pytest.LogCaptureFixture):
    """Two of one type are two; and so is one that takes the place of another in memory."""

    class Short:  # which nothing keeps alive, not even its exception
        def __call__(self, event: Event) -> None:
            raise ValueError

    emit([Failing(OSError()), Failing(OSError())], EVENT)
    for _ in range(10):
        emit([Short()], EVENT)
    assert len(caplog.records) == 12


def test_a_function_is_named_in_the_log(caplog: pytest.LogCaptureFixture):
    """Its type, which is "function", would help nobody."""

    def to_statsd(event: Event) -> None:
        raise OSError

    emit([to_statsd], EVENT)
    assert "the event sink to_statsd raised OSError" in caplog.text


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_what_stops_the_program_stops_it(stop: type[BaseException]):
    """Ctrl-C may strike while a sink runs."""
    with pytest.raises(stop):
        emit([Failing(stop())], EVENT)


def test_a_hidden_coroutine_is_told(caplog: pytest.LogCaptureFixture):
    """No check sees that a lambda returns one: its events would be lost in silence, or in a warning without a place."""

    def hidden(event: Event) -> object:
        return notify(event)

    for _ in range(2):
        emit([hidden], EVENT)
    [line] = caplog.messages
    assert "hidden returned a coroutine" in line


# The log


@pytest.mark.parametrize("kind", EventKind)
def test_an_event_is_one_line(kind: EventKind, caplog: pytest.LogCaptureFixture):
    """Only what needs somebody to act is a warning."""
    caplog.set_level(logging.INFO, "wsauth.events")
    log_events(Event(kind))
    [record] = caplog.records
    assert record.name == "wsauth.events"
    assert record.levelno == (
        logging.WARNING if kind.value in ("log_stale", "records_many", "clock_off") else logging.INFO
    )
    assert record.getMessage() == f"kind={kind.value} seconds=0.000000"


def test_a_line_has_everything_there_is(caplog: pytest.LogCaptureFixture):
    """As key=value, the reason under the name that clients read."""
    caplog.set_level(logging.INFO, "wsauth.events")
    log_events(Event(EventKind.DENIED, Reason.FOREIGN_ORIGIN, "queryToken", subject_hash("alice"), "1f", 0.25, "ab12"))
    [line] = caplog.messages
    assert line == (
        f"kind=denied reason=foreign_origin scheme=queryToken subject={subject_hash('alice')}"
        " connection=1f seconds=0.250000 incident=ab12"
    )


@pytest.mark.parametrize("seconds", [0.0, 1e-9, 1e9, math.inf, math.nan])
def test_odd_durations_stay_one_line(seconds: float, caplog: pytest.LogCaptureFixture):
    """Whatever a clock does."""
    caplog.set_level(logging.INFO, "wsauth.events")
    log_events(Event(EventKind.CLOSED, seconds=seconds))
    assert re.fullmatch(r"kind=closed seconds=\S+", caplog.messages[0])


def test_nothing_is_written_where_nobody_reads(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch):
    """INFO is hidden by default, and then the line is not even made."""
    caplog.set_level(logging.WARNING, "wsauth.events")
    monkeypatch.setattr("wsauth.core.events._line", lambda event: pytest.fail("made a line that is not written"))
    log_events(EVENT)
    assert caplog.records == []
