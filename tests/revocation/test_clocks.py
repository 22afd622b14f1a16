"""Whatever was let in can be revoked, also where the clock of its issuer runs ahead."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from revocation.live import Socket
from wsauth import Connections, Reason
from wsauth.revocation.clocks import MOST
from wsauth.revocation.connections import Standing
from wsauth.revocation.log import MemoryLog, Receipt
from wsauth.revocation.record import Record, Verb
from wsauth.revocation.records import Records
from wsauth.testing import FakeClock

AHEAD = 3


class Shared:
    """A log of several processes: each holds its records, and hears in order what any of them publishes."""

    reaches_others: ClassVar[bool] = True
    in_transaction: ClassVar[bool] = False
    silence = 0.0

    def __init__(self, clock: FakeClock, written: list[Record], processes: list[Shared]) -> None:
        self.records = Records(clock)
        self._written, self._processes = written, processes
        processes.append(self)
        for record in written:
            self.records.apply(Record.decode(record.encode()))

    def follow(self) -> None: ...

    async def catch_up(self, seconds: float) -> bool:
        return True

    async def publish(self, make: Callable[[float], Record], wait: float = 0.0) -> Receipt:
        return self.publish_now(make, wait)

    def publish_now(self, make: Callable[[float], Record], wait: float = 0.0) -> Receipt:
        record = make(self.records.now())
        self._written.append(record)
        return Receipt(True, sum(each.records.apply(Record.decode(record.encode())) for each in self._processes))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(1000.0)


@pytest.fixture
def connections(clock: FakeClock) -> Connections:
    return Connections(log=MemoryLog(Records(clock)))


def let_in(connections: Connections, issued_at: float, **fields: Any) -> tuple[Socket, Any]:
    socket = Socket("alice", since=connections.now(), issued_at=issued_at, **fields)
    return socket, connections.open(socket, socket.identity, connections.position, stateful=socket.stateful)


@pytest.mark.parametrize("later", [0, 0.5, 1, 2.9, 3, 3.1, 4, 60, 3600])
@pytest.mark.parametrize("leaves", [False, True], ids=["open", "gone before"])
async def test_token_that_was_let_in_before_its_issue_time_is_refused_after_a_revocation(
    connections: Connections, clock: FakeClock, later: float, leaves: bool
):
    """Whenever it comes back, and whether or not it was connected when it was revoked."""
    socket, standing = let_in(connections, clock() + AHEAD)
    assert standing is Standing.GOOD
    if leaves:
        connections.close(socket)
    token = clock() + AHEAD
    clock.advance(0.5)
    await connections.revoke(subject="alice")
    assert socket.ended == ([] if leaves else [Reason.REVOKED])
    clock.advance(later)
    assert let_in(connections, token)[1] is Reason.REVOKED


@pytest.mark.parametrize("ahead", [0.1, 0.9, 1, 2.5, 10])
async def test_revocation_in_the_very_moment_counts(connections: Connections, clock: FakeClock, ahead: float):
    """Issue times may be fractions, and clocks stand still for a test."""
    token = clock() + ahead
    assert let_in(connections, token)[1] is Standing.GOOD
    await connections.revoke(subject="alice")
    assert let_in(connections, token)[1] is Reason.REVOKED


async def test_token_of_the_same_issuer_that_nobody_has_seen_yet_is_refused_too(
    connections: Connections, clock: FakeClock
):
    """Its clock is no other for the next token; one from after the revocation is good."""
    let_in(connections, clock() + AHEAD, issuer="a")
    clock.advance(10)
    await connections.revoke(subject="alice")
    revoked = clock()
    clock.advance(1)
    assert let_in(connections, revoked + AHEAD, issuer="a")[1] is Reason.REVOKED
    assert let_in(connections, revoked + AHEAD + 1, issuer="a")[1] is Standing.GOOD


async def test_clock_of_one_issuer_says_nothing_of_another(connections: Connections, clock: FakeClock):
    """Who logs in again elsewhere is good from the next second on."""
    let_in(connections, clock() + AHEAD, issuer="a")
    await connections.revoke(subject="alice")
    clock.advance(1)
    assert let_in(connections, clock(), issuer="b")[1] is let_in(connections, clock())[1] is Standing.GOOD


async def test_who_was_let_in_after_the_revocation_is_not_sent_away_by_what_he_shows(
    connections: Connections, clock: FakeClock
):
    """A revocation is held against what was let in before it."""
    await connections.revoke(subject="alice")
    for _ in range(3):
        assert let_in(connections, clock() + 1)[1] is Standing.GOOD
    await connections.revoke(subject="alice")
    assert let_in(connections, clock() + 1)[1] is Reason.REVOKED


async def test_sessions_and_tokens_without_an_issue_time_show_nothing(connections: Connections, clock: FakeClock):
    """A store knows itself, and what is beyond an hour is no clock."""
    for fields in ({"stateful": True}, {"issuer": "far"}):
        let_in(connections, clock() + (MOST + 1 if "issuer" in fields else 3), **fields)
    for issued_at in (float("inf"), 10**400, float("-inf")):
        let_in(connections, issued_at)
    await connections.revoke(subject="alice")
    clock.advance(1)
    assert let_in(connections, clock())[1] is Standing.GOOD


# --- other processes --------------------------------------------------------------------------------------------------


async def settled() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


@pytest.mark.parametrize("starts", ["before", "between", "after"])
async def test_token_is_refused_by_a_process_that_has_never_seen_it(clock: FakeClock, starts: str):
    """Let in by one, revoked by another, refused by a third: whenever that starts."""
    written: list[Record] = []
    processes: list[Shared] = []

    def started() -> Connections:
        return Connections(log=Shared(clock, written, processes))

    first, command = started(), started()
    third = started() if starts == "before" else None
    socket, _ = let_in(first, clock() + AHEAD)
    token = clock() + AHEAD
    first.close(socket)
    await settled()
    third = started() if starts == "between" else third
    clock.advance(0.5)
    await command.revoke(subject="alice")
    third = third or started()
    for _ in range(4):
        assert let_in(third, token)[1] is Reason.REVOKED
        clock.advance(1.5)
    assert let_in(third, clock())[1] is Standing.GOOD


async def test_others_are_told_seldom_and_of_nobody(clock: FakeClock):
    """A thousand tokens of a clock that is ever further ahead: one record for each second. It ends nobody."""
    written: list[Record] = []
    connections = Connections(log=Shared(clock, written, []))
    socket, _ = let_in(connections, clock() - 1, can_look_again=True)
    for number in range(1000):
        connections.close(let_in(connections, clock() + 0.005 * number, issuer="a")[0])
    await settled()
    assert len(written) == 5
    assert (socket.ended, socket.looks) == ([], [])
    assert len(connections._records.clocks._steps["a"]) <= 16
    await connections.revoke(subject="alice")
    assert let_in(connections, clock() + 4.9, issuer="a")[1] is Reason.REVOKED


async def test_what_was_told_is_told_again_before_it_is_forgotten(clock: FakeClock):
    """A process that starts a day later has to know it, as long as such tokens come."""
    written: list[Record] = []
    connections = Connections(log=Shared(clock, written, []), remember=7200)
    for _ in range(9):
        let_in(connections, clock() + AHEAD)
        await settled()
        clock.advance(1000)
    assert len(written) == 3
    assert written[-1].until > clock()


@pytest.mark.parametrize("value", ["", "3", "3 ", "x a", "-3 a", "99999999999 a", "3.5 a", "\u0663 a"])
def test_odd_word_of_another_process_harms_nobody(connections: Connections, clock: FakeClock, value: str):
    """It is read, or passed by."""
    match = frozenset({("issuer_ahead", value or " ")})
    connections.log.records.apply(Record(Verb.RECHECK, match, clock(), clock() + 60))
    for issuer in ("a", None):
        assert connections.log.records.clocks.ahead(issuer, 1 << 60) <= MOST


async def test_log_that_cannot_be_written_refuses_nobody(clock: FakeClock, caplog: pytest.LogCaptureFixture):
    """Whoever sees the next such token tells the others."""
    log = Shared(clock, [], [])

    async def fails(make: Any, wait: float = 0.0) -> Receipt:
        raise OSError("secret")

    log.publish = fails  # type: ignore[method-assign]
    assert let_in(Connections(log=log), clock() + AHEAD)[1] is Standing.GOOD
    await settled()
    assert "OSError" in caplog.text
    assert "secret" not in caplog.text
