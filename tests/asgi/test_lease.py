"""Until when a connection lives: deadlines, sessions that were extended, warnings, ends that were announced."""

import asyncio
import itertools
import json
import logging

import pytest
from fakes import (
    ACCEPT,
    CONNECT,
    DISCONNECT,
    RECEIVE,
    SEND,
    Echo,
    FakeApplication,
    FakeServer,
    PushOnly,
    Store,
    in_a_thread,
    left_behind,
    named,
    opened,
    turns,
)

from wsauth import ExpiryWarning, Identity, Policy, Reason
from wsauth.asgi import lease as module
from wsauth.asgi.agenda import TICK
from wsauth.asgi.lease import HOLD

EXPIRES = 100.0


def now():
    return asyncio.get_running_loop().time()


def expiring(expires_at=EXPIRES):
    async def verify(credentials):
        return Identity(credentials.secret, expires_at=expires_at)

    return named(verifier=verify)


async def timed(policy, app=None, server=None):
    return await opened(app, server, policy, clock=asyncio.get_running_loop().time)


def warnings(live):
    texts = [message["text"] for message in live.server.wire if message["type"] == SEND and "text" in message]
    return [json.loads(text)["seconds"] for text in texts if "expiring" in text]


async def leave(live):
    live.server.client_leaves()
    await live.over()
    assert module._agendas == {}


# Absurd and jumping clocks


@pytest.mark.parametrize("expires_at", [10**400, 1e308, float("inf"), 1e15, None])
async def test_an_identity_that_never_expires_ends_with_the_policy(expires_at):
    """Whatever is written there: the connection is admitted, and ends after `max_lifetime`."""
    live = await timed(Policy([expiring(expires_at)], max_lifetime=50))
    await live.over()
    assert (now(), live.server.code) == (pytest.approx(50), 4440)


@pytest.mark.parametrize("expires_at", [-(10**400), -1e308, -float("inf"), 0, -1])
async def test_an_identity_that_is_renewed_into_the_past_ends_now(expires_at):
    """No number is too small to compute with."""
    live = await timed(Policy([expiring()]))
    live.connection.lease.renew(Identity("alice", expires_at=expires_at))
    await live.over()
    assert (now(), live.server.code) == (0, 4440)


async def test_a_machine_that_slept_notices_within_half_a_minute():
    """The loop's clock slept too, and the wall clock says that the token is long expired."""
    slept = [0.0]
    loop = asyncio.get_running_loop()
    live = await opened(policy=Policy([expiring(7200.0)]), clock=lambda: loop.time() + slept[0])
    module._agendas[loop]._wall = lambda: loop.time() + slept[0]
    module._agendas[loop]._ahead = 0.0
    await asyncio.sleep(1000)
    slept[0] = 8 * 3600.0
    await live.over()
    assert now() <= 1000 + TICK
    assert live.server.code == 4440


async def test_a_clock_that_was_put_back_moves_no_deadline():
    """What was computed holds, until it is computed again."""
    back = [0.0]
    loop = asyncio.get_running_loop()
    live = await opened(policy=Policy([expiring()]), clock=lambda: loop.time() - back[0])
    back[0] = 3600.0
    await live.over()
    assert now() == pytest.approx(EXPIRES)


# A session that was extended


async def sliding(app=None, server=None, **terms):
    store = Store(alice=EXPIRES)
    live = await timed(Policy([named(verifier=store)], recheck_every=10_000, **terms), app, server)
    return live, store


async def test_a_session_that_was_extended_lives_on():
    """It is looked up at its deadline, and again at the later one."""
    live, store = await sliding()
    store.expires["alice"] = 200.0
    await asyncio.sleep(150)
    assert not live.connection.ended
    live.server.client_sends("hello")
    await turns()
    assert live.server.types() == [ACCEPT, SEND]
    await live.over()
    assert now() == pytest.approx(200)
    assert (live.server.code, store.asked) == (4440, [["alice"]] * 2)


async def test_a_session_that_was_not_extended_ends_at_once():
    """As soon as the store has said so."""
    live, _ = await sliding()
    await live.over()
    assert (now(), live.server.code) == (pytest.approx(EXPIRES), 4440)


@pytest.mark.parametrize(("later", "lives"), [(200.0, True), (EXPIRES, False)])
async def test_what_comes_while_the_store_is_asked_is_held(later, lives):
    """Messages of either side are delivered after the answer, or never."""

    class Both(FakeApplication):
        async def run(self, receive, send):
            await receive()
            await send({"type": ACCEPT})
            await asyncio.sleep(EXPIRES + 0.5)
            await send({"type": SEND, "text": "news"})
            while (await receive())["type"] != DISCONNECT:
                pass

    live, store = await sliding(Both())
    store.delay, store.expires["alice"] = 1.0, later
    await asyncio.sleep(EXPIRES + 0.6)
    live.server.client_sends("hello")
    await turns()
    assert (live.server.types(), live.app.types()) == ([ACCEPT], [CONNECT])
    await asyncio.sleep(0.5)
    assert (SEND in live.server.types(), RECEIVE in live.app.types()) == (lives, lives)
    if lives:
        await leave(live)
    else:
        await live.over()
        assert live.server.code == 4440


async def test_a_message_that_was_read_before_the_deadline_is_held_too():
    """An application in `receive` gets what arrives while the store is asked only after its answer."""
    live, store = await sliding(Echo())
    store.delay, store.expires["alice"] = 1.0, 200.0
    await asyncio.sleep(EXPIRES + 0.1)
    live.server.client_sends("hello")
    await turns()
    assert live.app.types() == [CONNECT]
    await asyncio.sleep(1)
    assert live.app.types() == [CONNECT, RECEIVE]
    await leave(live)


@pytest.mark.parametrize("how", ["slow", "fails"])
async def test_a_store_that_does_not_answer_in_time_ends_it(how):
    """Nothing is held for longer than that."""
    live, store = await sliding()
    if how == "slow":
        store.delay = 5.0
    else:
        store.fails = OSError()
    await live.over()
    assert now() == pytest.approx(EXPIRES + (HOLD if how == "slow" else 0))
    assert live.server.code == 4440


async def test_an_answer_from_before_the_deadline_does_not_decide():
    """A look that began earlier may have seen the session as it was before it was extended; it is asked anew."""
    live, store = await sliding()
    await asyncio.sleep(EXPIRES - 0.1)
    store.delay = 0.3
    live.connection.lease.look_again()
    await turns()
    held = store.findings = lambda identities: [Identity("alice", expires_at=EXPIRES)]
    await asyncio.sleep(0.35)
    assert held is store.findings
    store.findings, store.expires["alice"] = None, 200.0
    await asyncio.sleep(1)
    assert not live.connection.ended
    await leave(live)


async def test_a_look_that_is_under_way_at_the_deadline_delays_nothing():
    """The next one is asked for at once, and ends it."""
    live, store = await sliding()
    await asyncio.sleep(EXPIRES - 0.1)
    store.delay = 0.3
    live.connection.lease.look_again()
    await live.over()
    assert (now(), live.server.code) == (pytest.approx(EXPIRES + 0.5), 4440)


async def test_a_second_rechecker_that_knows_no_deadline_does_not_decide():
    """`Policy(recheck=...)` answers first, with the identity it was given; the store still has the word."""
    store = Store(alice=EXPIRES)

    async def same(identity):
        return identity

    live = await timed(Policy([named(verifier=store)], recheck=same, recheck_every=10_000))
    store.delay, store.expires["alice"] = 0.5, 200.0
    await asyncio.sleep(EXPIRES + 1)
    assert not live.connection.ended
    await leave(live)


async def test_a_token_is_not_looked_up_at_its_deadline():
    """It says itself until when it holds, also where a callback is asked about other things."""

    async def later(identity):
        return Identity(identity.subject, expires_at=1000.0)

    live = await timed(Policy([expiring()], recheck=later, recheck_every=10_000))
    await live.over()
    assert now() == pytest.approx(EXPIRES)


async def test_nothing_lives_longer_than_its_policy_says():
    """However often a session is extended."""
    live, store = await sliding(max_lifetime=EXPIRES + 1)
    store.expires["alice"] = 10_000.0
    await live.over()
    assert (now(), live.server.code) == (pytest.approx(EXPIRES + 1), 4440)
    assert len(store.asked) == 1


async def test_nothing_is_held_for_longer_than_its_policy_says():
    """A store that takes its time gains none."""
    live, store = await sliding(max_lifetime=EXPIRES + 1)
    store.delay = 5.0
    await live.over()
    assert now() == pytest.approx(EXPIRES + 1)


async def test_a_store_that_names_ever_other_pasts_ends_it():
    """Only a later end lets go of what is held."""
    live, store = await sliding()
    pasts = itertools.count(99, -1)
    store.findings = lambda identities: [Identity("alice", expires_at=next(pasts))]
    await live.over()
    assert (now(), live.server.code) == (pytest.approx(EXPIRES), 4440)


async def test_a_loop_that_stalls_over_the_later_deadline_too_delivers_nothing():
    """Who was held looks at the clock again."""
    loop = asyncio.get_running_loop()
    live, store = await sliding()

    def findings(identities):
        loop.call_soon(loop.advance, 2)
        store.findings = None
        return [Identity("alice", expires_at=EXPIRES + 1)]

    store.findings = findings
    live.server.client_sends("late")
    loop.advance(EXPIRES)
    await live.over()
    assert (live.app.types(), live.server.code) == ([CONNECT, DISCONNECT], 4440)


async def test_a_loop_that_stalled_over_both_deadlines_ends_it():
    """The hold ends with the limit, and what was held is never delivered."""
    live, store = await sliding(max_lifetime=EXPIRES + 1)
    store.expires["alice"] = 10_000.0
    live.server.client_sends("late")
    asyncio.get_running_loop().advance(EXPIRES + 5)
    await live.over()
    assert live.app.types() == [CONNECT, DISCONNECT]


async def test_an_end_that_is_announced_while_held_is_kept():
    """An extension does not undo a revocation."""
    live, store = await sliding()
    store.delay, store.expires["alice"] = 1.0, 10_000.0
    await asyncio.sleep(EXPIRES + 0.5)
    live.connection.lease.end_in(10, Reason.REVOKED)
    await live.over()
    assert (now(), live.server.code) == (pytest.approx(EXPIRES + 10.5), 4410)


async def test_an_end_while_held_ends_it():
    """At once, and who waited hears of it."""
    live, store = await sliding(PushOnly())
    store.delay = 1.0
    await asyncio.sleep(EXPIRES + 0.5)
    live.connection.end(Reason.REVOKED)
    await live.over()
    assert live.server.code == 4410


async def test_a_client_that_leaves_while_held_leaves_nothing():
    """Its disconnect reaches the application, and the store's answer nobody."""
    live, store = await sliding()
    store.delay = 1.0
    await asyncio.sleep(EXPIRES + 0.5)
    await leave(live)
    assert live.app.disconnect["code"] == 1001


# Warnings


async def test_a_warning_comes_once_before_the_end():
    """Between one and one and a fifth times the wish before it, with the seconds that remain."""
    live = await timed(Policy([expiring()], expiry_warning=ExpiryWarning(20)))
    await live.over()
    assert live.server.types()[1:-1] == [SEND]
    assert warnings(live)[0] == pytest.approx(22, abs=2)


async def test_warnings_do_not_come_together():
    """Connections that were born together are warned apart."""
    seconds = set()
    for _ in range(10):
        live = await timed(Policy([expiring(now() + 1000)], expiry_warning=ExpiryWarning(500)))
        await live.over()
        seconds.update(warnings(live))
    assert len(seconds) > 5
    assert all(500 <= left <= 600 for left in seconds)


async def test_an_end_that_is_near_is_warned_of_soon():
    """The client had no chance before; a moment later the application can take it."""
    live = await timed(Policy([expiring(5.0)], expiry_warning=ExpiryWarning(60)))
    await asyncio.sleep(1.01)
    assert warnings(live) == [4]
    await live.over()


async def test_no_warning_comes_at_the_end_or_after():
    """One that could come only with the close does not come."""
    live = await timed(Policy([expiring(0.4)], expiry_warning=ExpiryWarning(60)))
    await live.over()
    assert warnings(live) == []
    live = await timed(Policy([expiring(now() + 50)], expiry_warning=ExpiryWarning(20)))
    asyncio.get_running_loop().advance(60)
    await live.over()
    assert warnings(live) == []


async def test_another_deadline_is_warned_of_again():
    """After a renewal, and before an end that was announced; not twice of the same."""
    live, store = await sliding(expiry_warning=ExpiryWarning(20))
    store.expires["alice"] = 200.0
    await asyncio.sleep(150)
    assert len(warnings(live)) == 1
    for lease in module._agendas.values():
        lease._jumped([live.connection.lease])
    live.connection.lease.limit(10_000)
    await asyncio.sleep(40)
    assert len(warnings(live)) == 2
    store.expires["alice"] = 1000.0
    await asyncio.sleep(20)
    in_a_thread(lambda: live.policy.connections.revoke_now(subject="alice", after=10))
    await live.over()
    assert (len(warnings(live)), warnings(live)[-1]) == (3, 9)
    assert (now(), live.server.code) == (pytest.approx(220, abs=0.1), 4410)


async def test_a_clock_that_jumped_repeats_no_warning():
    """The end is as it was said."""
    live = await timed(Policy([expiring()], expiry_warning=ExpiryWarning(20)))
    await asyncio.sleep(85)
    live.connection.lease._arm()
    await live.over()
    assert len(warnings(live)) == 1


async def test_a_warning_waits_for_the_accept():
    """The application answers the handshake first."""

    class Slow(Echo):
        async def run(self, receive, send):
            await asyncio.sleep(30)
            await super().run(receive, send)

    live = await timed(Policy([expiring(40.0)], expiry_warning=ExpiryWarning(20)), Slow())
    await live.over()
    assert live.server.types()[0] == ACCEPT
    assert warnings(live) == [9]


@pytest.mark.parametrize("server", [FakeServer(hangs={SEND}), FakeServer(raises={SEND: OSError("gone")})])
async def test_a_client_that_takes_no_warning_is_closed_all_the_same(server):
    """Nothing of it is left when the application returns."""
    live = await timed(Policy([expiring(5.0)], expiry_warning=ExpiryWarning(60)), Echo(), server)
    await live.over()
    assert live.server.code == 4440
    assert left_behind() == []


async def test_a_warning_that_is_due_as_the_application_closes_is_not_sent():
    """There is nothing after a close."""
    live = await timed(Policy([expiring()], expiry_warning=ExpiryWarning(20)))
    live.connection.warn("late")
    live.server.client_leaves()
    live.connection._closed()
    await live.over()
    assert [message["type"] for message in live.server.calls] == [ACCEPT]


async def test_a_text_that_fails_harms_nobody(caplog):
    """Neither this connection nor the one that is due in the same moment."""

    def text(seconds):
        return "60" if seconds == 60 else 1 / 0

    caplog.set_level(logging.ERROR, "wsauth")
    policy = Policy([expiring(5.0)], expiry_warning=ExpiryWarning(60, text))
    first, second = await timed(policy), await timed(policy)
    await asyncio.wait([first.task, second.task])
    assert (first.server.code, second.server.code) == (4440, 4440)
    assert "ZeroDivisionError" in caplog.text


# Ends that are announced


async def test_the_earliest_of_several_ends_holds():
    """With its own reason."""
    for first, second, code in ((10, 20, 4410), (20, 10, 4012)):
        live = await timed(Policy([expiring(now() + EXPIRES)]))
        live.connection.lease.end_in(first, Reason.REVOKED)
        live.connection.lease.end_in(second, Reason.GOING_AWAY)
        started = now()
        await live.over()
        assert (now() - started, live.server.code) == (pytest.approx(10), code)


async def test_an_identity_that_expires_before_an_announced_end_expires():
    """Each end has its own reason."""
    live = await timed(Policy([expiring()]))
    live.connection.lease.end_in(EXPIRES + 1, Reason.REVOKED)
    await live.over()
    assert live.server.code == 4440


async def test_what_is_said_of_a_connection_that_is_over_is_nothing():
    """News that come too late leave no timer."""
    live = await timed(Policy([expiring()]))
    lease = live.connection.lease
    await leave(live)
    lease.end_in(10, Reason.REVOKED)
    lease.look_again(5)
    lease.end(Reason.REVOKED)
    await turns()
    assert left_behind() == []
    assert module._agendas == {}


async def test_a_stopped_connection_delivers_nothing_more():
    """From the flag on, though its close comes later."""
    live = await timed(Policy([expiring()]))
    live.connection.lease.stop(Reason.REVOKED)
    live.server.client_sends("late")
    await live.over()
    assert (live.app.types(), live.server.code) == ([CONNECT, DISCONNECT], 4410)


async def test_a_warning_waits_for_an_accept_that_is_on_its_way():
    """A server takes nothing else before."""

    class SlowAccept(FakeServer):
        async def _put_on_the_wire(self, message):
            if message["type"] == ACCEPT:
                await asyncio.sleep(5)
            await super()._put_on_the_wire(message)

    server = SlowAccept()
    live = await timed(Policy([expiring(10.0)], expiry_warning=ExpiryWarning(before=9)), Echo(), server)
    await live.over()
    assert (server.illegal, server.types(), server.code) == ([], [ACCEPT, SEND, "websocket.close"], 4440)
