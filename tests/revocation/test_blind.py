"""What happens while the log is out of reach."""

import asyncio
import contextvars

import pytest

from revocation.live import SilentLog, Socket
from wsauth import ConfigurationError, Connections, Reason
from wsauth.core.events import EventKind
from wsauth.revocation.blind import JITTER, PATIENCE, STALE, TICK, Blind
from wsauth.revocation.connections import Standing
from wsauth.revocation.log import MemoryLog


def connections(silence=0.0, blind=Blind.ASK_THE_STORE, limit=60.0):
    return Connections(log=SilentLog(silence), blind=blind, blind_limit=limit)


def opened(connections, **fields):
    socket = Socket(**fields)
    connections.open(socket, socket.identity, connections.position, stateful=socket.stateful, waited=True)
    return socket


def standing(connections, *, stateful, waited):
    socket = Socket(stateful=stateful)
    found = connections.open(socket, socket.identity, connections.position, stateful=stateful, waited=waited)
    assert len(connections) == (found is Standing.GOOD)
    connections.close(socket)
    return found


@pytest.mark.parametrize(
    ("blind", "session", "token"),
    [
        (Blind.ASK_THE_STORE, Standing.GOOD, Standing.BLIND),
        (Blind.REFUSE, Standing.BLIND, Standing.BLIND),
        (Blind.TRUST, Standing.GOOD, Standing.GOOD),
    ],
)
async def test_who_is_admitted_blindly(blind, session, token):
    """Those who the mode says, and only after a wait; everybody while the log is in reach."""
    for silence in (STALE + 0.1, 1e6):
        here = connections(silence, blind)
        assert standing(here, stateful=True, waited=True) is session
        assert standing(here, stateful=False, waited=True) is token
        assert standing(here, stateful=True, waited=False) is Standing.BLIND
        assert standing(here, stateful=False, waited=False) is Standing.BLIND
    here = connections(STALE, blind)
    assert standing(here, stateful=True, waited=False) is Standing.GOOD
    assert standing(here, stateful=False, waited=False) is Standing.GOOD


@pytest.mark.parametrize("blind", Blind)
async def test_a_process_that_has_never_read_the_log_admits_nobody(blind):
    """It knows of no block, and no store knows one. Only who trusts everybody has said otherwise."""
    here = connections(float("inf"), blind)
    expected = Standing.GOOD if blind is Blind.TRUST else Standing.BLIND
    assert standing(here, stateful=True, waited=True) is expected
    assert standing(here, stateful=False, waited=True) is expected


@pytest.mark.parametrize("silence", [0.0, 3.0])
async def test_a_log_that_nobody_reads_is_not_clear(silence):
    """However short the time since somebody has: the tolerance is for a reader that tries again."""
    here = connections(silence)
    here.log.keeps_up = False
    assert standing(here, stateful=True, waited=False) is Standing.BLIND
    assert standing(here, stateful=False, waited=True) is Standing.BLIND
    here.log.keeps_up = True
    assert standing(here, stateful=False, waited=False) is Standing.GOOD


async def test_what_is_known_counts_blindly_too():
    """Whoever is revoked is refused for that, and whoever is in doubt looked at again, before anybody waits."""
    here = connections(float("inf"))
    before = here.position
    here.revoke_now(subject="alice")
    assert here.open(Socket(), Socket().identity, before, stateful=False) is Reason.REVOKED
    assert here.open(Socket(), Socket().identity, before, stateful=True) is Standing.LOOK_AGAIN


# Waiting for the log


async def test_a_wait_in_vain_is_waited_once():
    """In a long outage no handshake waits but those that found it out."""
    here = connections(float("inf"))
    for _ in range(3):
        await here.sight.catch_up()
    assert here.log.waits == [PATIENCE]


async def test_the_next_outage_is_waited_for_again():
    """However long the one before it was."""
    here = connections(30.0)
    await here.sight.catch_up()
    here.log.silence = 40.0
    await here.sight.catch_up()
    here.log.silence = 0.0
    await here.sight.catch_up()
    assert len(here.log.waits) == 1
    here.log.silence = 6.0
    await here.sight.catch_up()
    assert len(here.log.waits) == 2


async def test_a_wait_that_helped_is_no_wait_in_vain():
    """A log that needs a moment each time gets it."""
    here = connections(float("inf"))
    here.log.comes_back = True
    await here.sight.catch_up()
    assert here.sight.is_clear
    here.log.silence = float("inf")
    await here.sight.catch_up()
    assert len(here.log.waits) == 2


# Those who are connected


@pytest.mark.parametrize(
    ("blind", "session", "token"),
    [
        (Blind.ASK_THE_STORE, "looked at", "closed"),
        (Blind.REFUSE, "closed", "closed"),
        (Blind.TRUST, "kept", "kept"),
    ],
)
async def test_what_becomes_of_them_after_the_limit(blind, session, token):
    """Not all at the same moment, and not before."""
    here = connections(0.0, blind)
    sockets = {
        "session": opened(here, stateful=True),
        "token": opened(here),
        "session that nobody can be asked about": opened(here, stateful=True, can_look_again=False),
        "token that somebody can be asked about": opened(here, can_look_again=True),
    }
    for silence in (STALE + 0.1, 59.0, 60.0):
        here.sight.judge(silence)
    assert not any(socket.later or socket.looks for socket in sockets.values())
    for silence in (61.0, 62.0, 63.0):
        here.sight.judge(silence)
    found = {
        name: "looked at" if socket.looks == [JITTER] else "closed" if socket.later else "kept"
        for name, socket in sockets.items()
    }
    assert found == {
        "session": session,
        "token": token,
        "session that nobody can be asked about": token,
        "token that somebody can be asked about": token,
    }
    for socket in sockets.values():
        assert all(0 <= seconds <= JITTER and reason is Reason.UNAVAILABLE for seconds, reason in socket.later)
        assert len(socket.later) + len(socket.looks) <= 1
    assert here.sight.trusts is (blind is Blind.TRUST)


async def test_each_outage_counts_anew():
    """Whoever came since is looked at too."""
    here = connections()
    socket = opened(here, stateful=True)
    for silence in (50.0, 61.0, 62.0, STALE, 6.0, 59.0, 61.0):
        here.sight.judge(silence)
    assert len(socket.looks) == 2


async def test_a_process_that_was_stopped_is_given_a_moment():
    """It finds the log silent for long, and reads it at once."""
    here = connections()
    socket = opened(here)
    here.sight.judge(300.0)
    here.sight.judge(0.0)
    here.sight.judge(300.0)
    assert socket.later == []
    here.sight.judge(301.0)
    assert len(socket.later) == 1


async def test_an_outage_is_told_when_it_begins_and_when_it_ends(caplog):
    """Once each, to every sink."""
    here, events, more = connections(), [], []
    here.sight.tell([events.append])
    here.sight.tell([events.append, more.append])
    sink = events.append
    here.sight.tell([sink, sink])
    for silence in (1.0, 6.0, 7.0, 61.0, 62.0, 1.0, 1.0):
        here.sight.judge(silence)
    kinds = [event.kind for event in more]
    assert kinds == [EventKind.LOG_STALE, EventKind.LOG_SYNCED]
    assert more[0].seconds == 6.0
    assert 0 <= more[1].seconds < 5
    assert [record.message for record in caplog.records] == [
        "the revocation log is out of reach",
        "the revocation log is in reach again",
    ]


# The watch


async def test_the_watch_lives_as_long_as_a_connection():
    """It is no part of the reader: what hangs there must be seen. It leaves no timer behind."""
    here, loop = connections(), asyncio.get_running_loop()
    socket = opened(here)
    for _ in range(3):
        here.sight.look()
    assert len(loop.timers()) == 1
    here.log.silence = 61.0
    await asyncio.sleep(3 * TICK)
    assert len(socket.later) == 1
    here.log.silence = 0.0
    await asyncio.sleep(1.5 * TICK)
    here.close(socket)
    await asyncio.sleep(2 * TICK)
    assert loop.timers() == []


async def test_the_watch_says_when_the_log_is_back_though_everybody_has_left():
    """Else a gauge says for ever that it is out of reach."""
    here, loop, told = connections(), asyncio.get_running_loop(), []
    here.sight.tell([lambda event: told.append(event.kind)])
    socket = opened(here)
    here.log.silence = 6.0
    await asyncio.sleep(1.5 * TICK)
    here.close(socket)
    await asyncio.sleep(3 * TICK)
    followed = here.log.followed
    here.log.silence = 0.0
    await asyncio.sleep(2 * TICK)
    assert (told, loop.timers()) == ([EventKind.LOG_STALE, EventKind.LOG_SYNCED], [])
    assert followed > 3


async def test_the_watch_wakes_for_a_handshake_that_took_long():
    """Log and watch go to sleep when nobody is registered, also while somebody is being verified."""
    here = connections()
    here.sight.look()
    await asyncio.sleep(3 * TICK)
    followed = here.log.followed
    socket = opened(here)
    assert here.log.followed == followed + 1
    here.log.silence = 61.0
    await asyncio.sleep(3 * TICK)
    assert len(socket.later) == 1
    here.close(socket)
    await asyncio.sleep(2 * TICK)


async def test_nothing_stops_the_watch():
    """An error in what it does is reported, and it goes on."""
    here, loop, seen = connections(), asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda loop, context: seen.append(type(context["exception"])))
    socket = opened(here)
    judge, here.sight.judge = here.sight.judge, lambda silence: 1 / 0
    await asyncio.sleep(2.5 * TICK)
    here.sight.judge = judge
    here.log.silence = 61.0
    await asyncio.sleep(2 * TICK)
    assert seen == [ZeroDivisionError] * 2
    assert len(socket.later) == 1
    here.close(socket)
    await asyncio.sleep(2 * TICK)


async def test_the_watch_knows_nothing_of_the_handshake_that_started_it():
    """Which ends long before, and whose context is none of the others' business."""
    handshake, seen = contextvars.ContextVar("handshake", default="none"), []
    here = connections()
    here.sight.tell([lambda event: seen.append((event.kind, handshake.get()))])
    handshake.set("alice's")
    socket = opened(here)
    here.log.silence = 6.0
    await asyncio.sleep(3 * TICK)
    assert seen == [(EventKind.LOG_STALE, "none")]
    here.close(socket)
    await asyncio.sleep(2 * TICK)


async def test_a_log_of_one_process_needs_no_watch():
    """It cannot fall silent."""
    here = Connections(log=MemoryLog())
    opened(here)
    assert asyncio.get_running_loop().timers() == []


@pytest.mark.parametrize("setting", [{"blind": "trust"}, {"blind": None}, {"blind_limit": 5}, {"blind_limit": 3601}])
def test_an_odd_mode_is_refused(setting):
    """With the line to write."""
    with pytest.raises(ConfigurationError, match=f"{next(iter(setting))}.*write"):
        Connections(**setting)
