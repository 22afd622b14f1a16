"""A live connection: what ends it, and what application, client and server see of the end."""

import asyncio
import contextlib
import gc
import itertools
import logging

import pytest
from fakes import (
    ACCEPT,
    CLOSE,
    CONNECT,
    DISCONNECT,
    RECEIVE,
    SEND,
    Answers,
    Echo,
    FakeApplication,
    FakeServer,
    FakeTimeLoop,
    IllegalMessage,
    NeverReturns,
    PushOnly,
    Store,
    Wraps,
    in_a_thread,
    knocking,
    left_behind,
    named,
    opened,
    turns,
)

from wsauth import (
    ConnectionEnded,
    Connections,
    Header,
    Identity,
    Policy,
    Reason,
    SecurityScheme,
    WebSocketAuthMiddleware,
)
from wsauth.asgi import connection as module
from wsauth.asgi.ended import GRACE
from wsauth.asgi.refusal import SEND_TIMEOUT
from wsauth.asgi.running import comes_of_the_end
from wsauth.revocation.log import MemoryLog
from wsauth.revocation.records import Records

EXPIRES = 100.0


async def for_a_while(credentials):
    return Identity(credentials.secret, expires_at=EXPIRES)


def now():
    return asyncio.get_running_loop().time()


def expiring(app):
    """Guard an application with a policy whose identities expire at `EXPIRES` of the loop's own clock."""
    return WebSocketAuthMiddleware(app, Policy([named(verifier=for_a_while)]), clock=asyncio.get_running_loop().time)


# Waking


async def test_a_waiting_application_hears_of_the_end_from_a_server_that_is_silent():
    """An application that waits in `receive` gets its disconnect, with our code, though its server says nothing."""
    live = await opened(server=FakeServer(wakes=False))
    live.connection.end(Reason.REVOKED)
    await live.over()
    assert live.app.disconnect == {"type": DISCONNECT, "code": 4410, "reason": "credentials revoked"}
    assert live.server.code == 4410


async def test_a_waiting_application_hears_our_code_from_a_server_that_says_1000():
    """Where the server takes the wake for itself and reports 1000, the application is told the truth."""
    live = await opened(server=FakeServer(wakes=False, swallows_cancel=True))
    live.connection.end(Reason.EXPIRED)
    await live.over()
    assert live.app.disconnect["code"] == 4440


async def test_the_wake_is_no_cancellation_to_anybody_else():
    """The task that was woken does not count as cancelled, so that timeouts around it still work."""
    counts = []

    class Counts(Echo):
        async def run(self, receive, send):
            await super().run(receive, send)
            counts.append(asyncio.current_task().cancelling())
            async with asyncio.timeout(1):
                await asyncio.sleep(0)

    live = await opened(Counts())
    live.connection.end(Reason.REVOKED)
    await live.over()
    assert counts == [0]


@pytest.mark.parametrize("end_first", [True, False])
async def test_a_cancellation_beside_the_wake_goes_through(end_first):
    """Only the one cancellation that is ours is swallowed, whichever came first."""
    live = await opened()
    acts = [lambda: live.connection.end(Reason.REVOKED), live.task.cancel]
    for act in acts if end_first else reversed(acts):
        act()
    with pytest.raises(asyncio.CancelledError):
        await live.over()
    assert live.server.code == 4410


async def test_a_cancellation_that_nobody_asked_for_goes_through():
    """A server whose `receive` ends as cancelled is not mistaken for an end of ours."""
    server = FakeServer()
    live = await opened(server=server)
    server._reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await live.over()
    assert not live.connection.ended


async def test_an_application_that_is_cancelled_by_its_own_doing_is_not_kept_quiet():
    """A CancelledError of the application's own reaches the server."""

    class Cancelled(FakeApplication):
        async def run(self, receive, send):
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await (await opened(Cancelled())).over()


async def test_a_second_task_in_receive_keeps_its_message():
    """Only the task that was woken is treated as woken."""

    class TwoReaders(FakeApplication):
        async def run(self, receive, send):
            await receive()
            await send({"type": ACCEPT})
            results = await asyncio.gather(receive(), receive(), return_exceptions=True)
            assert [type(result) for result in results] == [dict, dict]

    live = await opened(TwoReaders())
    live.server.client_sends("one")
    live.connection.end(Reason.REVOKED)
    await asyncio.wait([live.task], timeout=10)
    assert live.task.done()


# The order of things


async def test_the_close_reaches_the_server_before_the_application_returns():
    """However slow the close and however fast the application: the server is not left to invent a code."""
    live = await opened(server=FakeServer(slow=20))
    live.connection.end(Reason.EXPIRED)
    await live.over()
    assert live.server.code == 4440


async def test_the_close_reaches_the_server_before_the_application_raises():
    """The same for an application that raises on its disconnect."""

    class Raises(Echo):
        async def run(self, receive, send):
            await super().run(receive, send)
            raise LookupError("on disconnect")

    live = await opened(Raises(), FakeServer(slow=20))
    live.connection.end(Reason.EXPIRED)
    with pytest.raises(LookupError):
        await live.over()
    assert live.server.code == 4440


async def test_connect_is_replayed_though_the_end_came_first():
    """The application gets connect and then its disconnect, even if it never had a chance."""

    class Slow(Echo):
        async def run(self, receive, send):
            await asyncio.sleep(0.5)
            await super().run(receive, send)

    app = Slow()
    live = await opened(app, FakeServer(http=False))
    live.connection.end(Reason.REVOKED)
    await live.over()
    assert app.types() == [CONNECT, DISCONNECT]
    assert live.server.types() == [CLOSE]


async def test_an_end_before_the_accept_refuses_the_handshake():
    """What is not accepted yet is answered as any refusal, and the application's accept goes nowhere."""

    class Slow(Echo):
        async def run(self, receive, send):
            await asyncio.sleep(0.5)
            await super().run(receive, send)

    live = await opened(Slow())
    live.connection.end(Reason.REVOKED)
    await live.over()
    assert live.server.status == 401


async def test_an_end_while_the_accept_is_on_its_way_closes_afterwards():
    """The accept completes first, since no server takes a close in the middle of it."""
    server = FakeServer(slow=10)
    app = Echo()
    task = server.start(WebSocketAuthMiddleware(app, Policy([named()])), knocking(server))
    await turns(6)
    assert server.state == "accepting"
    app.scope["wsauth"].end(Reason.REVOKED)
    await task
    assert server.types() == [ACCEPT, CLOSE]
    assert server.illegal == []
    assert server.code == 4410


async def test_an_accept_that_fails_leaves_the_application_its_error():
    """A server that cannot accept raises to the application, as without wsauth."""
    live = await opened(server=FakeServer(raises={ACCEPT: OSError("gone")}))
    with pytest.raises(OSError, match="gone"):
        await live.over()


# After the end


class Babbles(FakeApplication):
    """Sends on after its disconnect, `count` times, `pause` seconds apart."""

    def __init__(self, pause, message=None, count=30):
        super().__init__()
        self.pause, self.message, self.count, self.sent = pause, message or {"type": SEND, "text": "x"}, count, 0

    async def run(self, receive, send):
        await super().run(receive, send)
        for _ in range(self.count):
            await asyncio.sleep(self.pause)
            await send(self.message)
            self.sent += 1


async def test_a_send_within_the_grace_is_dropped():
    """A handler that is in the middle of something can finish, and read its disconnect."""
    app = Babbles(pause=0.03)
    live = await opened(app)
    live.connection.end(Reason.REVOKED)
    await live.over()
    assert app.sent == 30
    assert live.server.types() == [ACCEPT, CLOSE]


async def test_a_send_after_the_grace_raises_and_only_there():
    """Then it raises, so that what only sends will end too; the server never hears of it."""
    app = Babbles(pause=0.25)
    live = await opened(app)
    live.connection.end(Reason.REVOKED)
    await live.over()
    assert app.sent == 3
    assert isinstance(app.error, ConnectionEnded)
    assert isinstance(app.error, OSError)


async def test_a_send_after_the_end_yields():
    """A loop of sends lets the close out, where sends themselves never wait."""
    app = PushOnly(pause=None)
    live = await opened(app, policy=Policy([named()], max_lifetime=5))
    await live.over()
    assert live.server.code == 4440


@pytest.mark.parametrize("first", [ACCEPT, "websocket.http.response.start"])
async def test_an_answer_long_after_the_end_is_dropped(first):
    """An application that took its time over the handshake still gets its disconnect, and can clean up."""

    class Slow(FakeApplication):
        async def run(self, receive, send):
            await receive()
            await asyncio.sleep(2 * GRACE)
            await send({"type": first, "status": 403, "headers": []})
            await receive()

    live = await opened(Slow())
    live.connection.end(Reason.REVOKED)
    await live.over()
    assert live.app.types() == [CONNECT, DISCONNECT]
    assert live.server.status == 401


async def test_a_send_after_the_end_lets_others_go_on():
    """The close gets its turn while the application still sends without a pause."""

    class Ends(FakeApplication):
        async def run(self, receive, send):
            await receive()
            await send({"type": ACCEPT})
            self.scope["wsauth"].end(Reason.REVOKED)
            for _ in range(5):
                await send({"type": SEND, "text": "x"})
            self.then = live_server.types()

    app, live_server = Ends(), FakeServer()
    await (await opened(app, live_server)).over()
    assert app.then == [ACCEPT, CLOSE]


async def test_the_applications_own_close_after_the_end_is_dropped():
    """Closing what has just been closed is no fault, however late."""
    app = Babbles(pause=0.5, message={"type": CLOSE, "code": 1000}, count=4)
    live = await opened(app)
    live.connection.end(Reason.REVOKED)
    await live.over()
    assert app.sent == 4
    assert live.server.types() == [ACCEPT, CLOSE]


async def test_a_message_that_arrives_after_the_end_is_not_delivered():
    """Nothing of the client reaches the application after the end, even if it came in the same turn of the loop."""
    live = await opened()
    live.connection.end(Reason.REVOKED)
    live.server.client_sends("late")
    await live.over()
    assert live.app.types() == [CONNECT, DISCONNECT]


async def test_an_application_that_does_not_heed_its_disconnect_does_not_spin():
    """It gets the same answer again, at a pace that lets the loop cancel it in the end."""

    class Ignores(FakeApplication):
        async def run(self, receive, send):
            while True:
                await receive()

    app = Ignores()
    live = await opened(app)
    live.connection.end(Reason.REVOKED)
    await live.over()
    assert set(app.types()[1:]) == {DISCONNECT}
    assert len(app.seen) < 50


# Applications and clients that do not let go


@pytest.mark.parametrize("app", [NeverReturns, lambda: PushOnly(pause=1000)], ids=["waits", "sleeps"])
async def test_an_application_that_never_returns_is_cancelled(app):
    """A few seconds after the end it is cancelled, and the server does not see that."""
    live = await opened(app())
    started = now()
    live.connection.end(Reason.REVOKED)
    await live.over()
    assert isinstance(live.app.error, asyncio.CancelledError)
    assert now() - started == pytest.approx(module.LINGER)
    assert live.task.cancelling() == 0


async def test_an_application_that_cleans_up_when_cancelled_may():
    """The cancellation is an ordinary one: handlers run, and an exception of theirs goes through."""

    class CleansUp(NeverReturns):
        async def run(self, receive, send):
            try:
                await super().run(receive, send)
            except asyncio.CancelledError:
                await asyncio.sleep(1)
                raise LookupError("while cleaning up") from None

    live = await opened(CleansUp())
    live.connection.end(Reason.REVOKED)
    with pytest.raises(LookupError):
        await live.over()


async def test_an_application_that_returns_when_cancelled_leaves_no_trace():
    """Nor does one that takes the cancellation for its cue to return."""

    class Obeys(NeverReturns):
        async def run(self, receive, send):
            try:
                await super().run(receive, send)
            except asyncio.CancelledError:
                return

    live = await opened(Obeys())
    live.connection.end(Reason.REVOKED)
    await live.over()
    assert live.task.cancelling() == 0


async def test_a_server_that_cancels_too_is_obeyed():
    """A shutdown in the same moment as our own cancellation still reaches the server as cancelled."""
    live = await opened(NeverReturns())
    live.connection.end(Reason.REVOKED)
    asyncio.get_running_loop().call_later(module.LINGER, live.task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await live.over()


async def test_a_client_that_never_reads_frees_application_and_registry():
    """Where send and close both hang, everything of ours is free within seconds all the same."""
    live = await opened(PushOnly(), FakeServer(hangs={SEND, CLOSE}))
    started = now()
    live.connection.end(Reason.EXPIRED)
    assert len(live.policy.connections) == 0
    await live.over()
    assert now() - started <= SEND_TIMEOUT + module.READ_ON + 0.1


@pytest.mark.parametrize("leaves", [True, False])
async def test_what_a_busy_application_left_unread_is_taken_from_the_server(leaves):
    """A server whose queue is full hears no close of the client behind it; the wait for that close is short."""
    live = await opened(PushOnly(), FakeServer(wakes=False))
    for number in range(100):
        live.server.client_sends(str(number))
    live.connection.end(Reason.REVOKED)
    await turns()
    if leaves:
        live.server.inbox.append({"type": DISCONNECT, "code": 4410})
    started = now()
    await live.over()
    assert not live.server.inbox
    assert now() - started <= GRACE + (0 if leaves else module.READ_ON) + 0.2


async def test_a_server_that_fails_after_its_close_is_left_alone():
    """Reading on is for the client's sake; nothing of it reaches the application or the log."""
    live = await opened(PushOnly())

    async def fails():
        raise RuntimeError("read after close")

    live.connection._receive = fails
    live.connection.end(Reason.REVOKED)
    await live.over()


@pytest.mark.parametrize("error", [AssertionError(), OSError("gone"), RuntimeError("after close")])
async def test_a_close_that_the_server_cannot_send_harms_nobody(error):
    """Servers raise all sorts of things for a client that has gone; the application ends as ever."""
    live = await opened(server=FakeServer(raises={CLOSE: error}))
    live.connection.end(Reason.REVOKED)
    await live.over()
    assert live.app.disconnect["code"] == 4410


async def test_a_close_that_cannot_even_be_cancelled_is_left_alone():
    """Whatever the server does with the close: the application's return is not held for long."""

    class Stuck(FakeServer):
        async def send(self, message):
            await super().send(message)
            while message["type"] == CLOSE and not freed.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait([freed])

    freed = asyncio.get_running_loop().create_future()
    live = await opened(server=Stuck())
    live.connection.end(Reason.REVOKED)
    await live.over()
    assert now() == pytest.approx(module.CLOSE_TIMEOUT)
    freed.set_result(None)


async def test_a_server_that_swallows_the_wake_and_waits_on_is_cut_off():
    """A `receive` that takes our wake and goes on waiting ends with the application's task."""

    class Deaf(FakeServer):
        async def receive(self):
            if self.inbox:
                return await super().receive()
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                return await super().receive()

    live = await opened(server=Deaf(wakes=False))
    live.connection.end(Reason.REVOKED)
    await live.over()


# What is kept from the server


async def _context(error):
    raise ValueError("while handling it")


async def _cause(error):
    raise KeyError("because of it") from error


async def _deep(error):
    try:
        raise KeyError("because of it") from error
    except KeyError:
        raise RuntimeError("and so on") from None


async def _group(error):
    raise ExceptionGroup("several", [error, ExceptionGroup("inner", [ConnectionEnded()])])


@pytest.mark.parametrize("wrap", [_context, _cause, _deep, _group])
async def test_what_comes_of_the_end_goes_no_further(wrap):
    """An exception that the application raised because of our ConnectionEnded is not the server's business."""
    live = await opened(Wraps(wrap))
    live.connection.end(Reason.REVOKED)
    await live.over()
    assert live.app.error is not None


async def test_a_failure_beside_the_end_goes_through():
    """A group that holds any other failure reaches the server."""

    async def group(error):
        raise ExceptionGroup("several", [error, ValueError("a bug")])

    live = await opened(Wraps(group))
    live.connection.end(Reason.REVOKED)
    with pytest.raises(ExceptionGroup):
        await live.over()


async def test_a_failure_without_an_end_goes_through():
    """An application may even raise ConnectionEnded itself: that is not our end."""

    class Raises(FakeApplication):
        async def run(self, receive, send):
            raise ConnectionEnded("not yours")

    with pytest.raises(ConnectionEnded):
        await (await opened(Raises())).over()


def test_a_chain_of_exceptions_that_bites_its_tail_is_followed_once():
    """Frameworks that re-raise stored exceptions make rings of them."""
    one, two = ValueError(), KeyError()
    one.__context__, two.__context__ = two, one
    assert not comes_of_the_end(one)


# Deadlines


async def test_the_connection_ends_with_its_identity():
    """Idle at its `expires_at`, it is closed with 4440."""
    server, app = FakeServer(), Echo()
    await server.serve(expiring(app), knocking(server))
    assert now() == pytest.approx(EXPIRES)
    assert server.code == app.disconnect["code"] == 4440


async def test_a_push_only_application_ends_with_its_identity():
    """Nothing is sent after the deadline, and the application ends though it never receives."""
    server, app = FakeServer(), PushOnly(pause=7)
    await server.serve(expiring(app), knocking(server))
    assert server.code == 4440
    assert server.types().count(SEND) == EXPIRES // 7 + 1


async def test_an_application_that_starves_the_loop_ends_with_its_identity():
    """Where no timer can fire, `send` looks at the clock."""
    server, app = FakeServer(), PushOnly(pause=None)
    await server.serve(expiring(app), knocking(server))
    assert server.code == 4440
    assert server.types().count(SEND) == pytest.approx(EXPIRES / 0.01, abs=2)


async def test_a_message_from_before_a_stall_over_the_deadline_is_not_delivered():
    """Where the loop stood still over the deadline, `receive` looks at the clock."""
    server, app = FakeServer(), Echo()
    loop = asyncio.get_running_loop()
    task = server.start(expiring(app), knocking(server))
    await turns()
    server.client_sends("late")
    loop.advance(EXPIRES + 1)
    await task
    assert app.types() == [CONNECT, DISCONNECT]
    assert server.code == 4440


async def test_a_later_deadline_does_not_move_an_earlier_one():
    """The connection ends at the earliest of its deadlines, and has one timer."""
    live = await opened()
    for seconds in (50, 20, 30):
        live.connection.lease.limit(seconds)
    assert len(left_behind()) == 2  # the application and one timer
    await live.over()
    assert now() == pytest.approx(20)


async def test_a_client_that_leaves_at_the_deadline_has_left():
    """Its own disconnect reaches the application, and nobody closes what is gone."""
    server, app = FakeServer(), Echo()
    task = server.start(expiring(app), knocking(server))
    await turns()
    server.client_leaves(1001)
    asyncio.get_running_loop().advance(EXPIRES + 1)
    await task
    assert app.disconnect["code"] == 1001
    assert server.types() == [ACCEPT]


# Ending from elsewhere


async def test_end_from_another_thread_closes():
    """`end` may be called from any thread."""
    live = await opened()
    in_a_thread(lambda: live.connection.end(Reason.REVOKED))
    await live.over()
    assert live.server.code == 4410


async def test_end_from_another_loop_closes():
    """Test clients and signals run HTTP in another event loop."""
    live = await opened()

    async def revoke():
        assert (await live.policy.connections.revoke(subject="alice")).closed == 1

    in_a_thread(lambda: asyncio.run(revoke()))
    await live.over()
    assert live.server.code == 4410


@pytest.mark.parametrize("terms", [{}, {"after": 5.0}])
def test_end_after_its_loop_has_closed_is_nothing(terms):
    """A connection of a loop that is gone is gone, and leaves the registry."""
    policy = Policy([named()])
    loop = FakeTimeLoop()
    live = loop.run_until_complete(opened(policy=policy))
    live.task.cancel()
    held = policy.connections
    loop.close()
    assert len(held) == 1
    assert held.disconnect_now(subject="alice", **terms).closed == 1
    assert len(held) == 0
    live.task._log_destroy_pending = False
    live.task.get_coro().close()


async def test_ending_twice_closes_once():
    """The first reason is the one that counts."""
    live = await opened()
    live.connection.end(Reason.REPLACED)
    live.connection.end(Reason.REVOKED)
    assert live.connection.ended
    await live.over()
    assert live.server.code == 4409


async def test_an_end_after_everything_is_over_is_nothing():
    """An application may be gone when the news arrives; nothing is sent to a server that has moved on."""

    class Returns(FakeApplication):
        async def run(self, receive, send):
            await receive()
            await send({"type": ACCEPT})

    live = await opened(Returns())
    await live.over()
    live.connection.end(Reason.REVOKED)
    await turns()
    assert [message["type"] for message in live.server.calls] == [ACCEPT]


async def test_an_end_after_the_application_closed_is_nothing():
    """There is one close, and it is the application's."""

    class Closes(FakeApplication):
        async def run(self, receive, send):
            await receive()
            await send({"type": ACCEPT})
            await send({"type": CLOSE, "code": 1000})
            await asyncio.sleep(1)

    live = await opened(Closes())
    assert len(live.policy.connections) == 0
    live.connection.end(Reason.REVOKED)
    await live.over()
    assert live.server.code == 1000


async def test_an_end_says_so_in_the_log(caplog):
    """One line, with the connection's id and the reason."""
    caplog.set_level(logging.INFO, "wsauth")
    live = await opened()
    live.connection.end(Reason.REVOKED)
    await live.over()
    assert f"closing connection {live.connection.id}: credentials revoked" in caplog.messages


# Otherwise unseen


async def test_nothing_changes_while_nothing_ends():
    """Messages pass through as the very objects they were."""

    class Keeps(Echo):
        def __init__(self):
            super().__init__()
            self.sent = []

        async def run(self, receive, send):
            async def keep(message):
                self.sent.append(message)
                await send(message)

            await super().run(receive, keep)

    live = await opened(Keeps())
    live.server.client_sends("one")
    live.server.client_sends("two")
    await turns()
    live.server.client_leaves(1001)
    await live.over()
    assert live.app.types() == [CONNECT, RECEIVE, RECEIVE, DISCONNECT]
    assert live.app.disconnect["code"] == 1001
    assert all(one is other for one, other in zip(live.server.wire, live.app.sent, strict=True))


async def test_an_illegal_message_is_the_servers_to_refuse():
    """The server's own errors reach the application."""
    live = await opened(Answers({"type": SEND, "text": "too early"}))
    with pytest.raises(IllegalMessage):
        live.task.result()
    assert live.server.illegal == [("connecting", SEND)]


async def test_a_connection_does_not_show_its_secrets():
    """Its repr has whom it belongs to, and nothing that the client presented."""
    live = await opened(policy=Policy([SecurityScheme("key", Header("x-key"), _someone)]), key="s3cret")
    assert "s3cret" not in repr(live.connection) + repr(vars_of(live.connection))
    assert "alice" in repr(live.connection)
    live.server.client_leaves()
    await live.over()


async def _someone(credentials):
    return Identity("alice")


def vars_of(connection):
    skipped = {"__weakref__", "server_scope"}
    return {name: getattr(connection, name) for name in type(connection).__slots__ if name not in skipped}


async def test_the_handshake_is_dropped_when_the_application_accepts():
    """Nobody needs the credentials any more, and nothing of the connection refers to them."""
    live = await opened()
    assert live.connection.handshake is None
    assert live.connection.server_scope is None
    live.server.client_leaves()
    await live.over()


async def test_the_handshake_is_dropped_when_the_application_refuses():
    """Whoever keeps the scope of a connection that never was does not keep its credentials."""
    live = await opened(Answers({"type": CLOSE}))
    live.server.client_leaves()
    await live.over()
    assert live.connection.handshake is None
    assert live.connection.server_scope is None


async def test_ten_thousand_connections_leave_nothing():
    """Neither registry entries nor timers, tasks or objects."""
    seconds = itertools.count(step=1000)
    log = MemoryLog(Records(lambda: next(seconds), lambda: next(seconds)))
    policy = Policy([named()], connections=Connections(log=log))
    middleware = WebSocketAuthMiddleware(Echo(), policy)

    async def cycle(number):
        app = Echo()
        middleware.app = app
        server = FakeServer()
        task = server.start(middleware, knocking(server))
        await turns(3)
        if number % 3 == 0:
            app.scope["wsauth"].end(Reason.REVOKED)
        elif number % 3 == 1:
            server.client_leaves()
        else:
            await policy.connections.revoke(session_id="none of these")
            server.client_leaves()
        await task

    def count():
        gc.collect()
        return len(gc.get_objects())

    for number in range(300):
        await cycle(number)
    before = count()
    for number in range(10_000):
        await cycle(number)
    assert count() - before < 300
    assert len(policy.connections) == 0
    assert left_behind() == []


async def test_of_many_ends_no_application_hears_before_the_last_close():
    """Servers tell it at once (uvicorn): what it does about it would hold up the closes of the others."""
    live = await opened(policy=Policy([named()]))
    live.connection.close(Reason.REVOKED)
    await turns(20)
    assert live.server.code == 4410
    assert [told["code"] for told in live.server.inbox] == [1005], "the server has told it, and the client has answered"
    assert live.app.seen[-1]["type"] != DISCONNECT
    live.connection.wake()
    await live.over()
    assert live.app.seen[-1] == {"type": DISCONNECT, "code": 4410, "reason": Reason.REVOKED.text}


async def test_a_close_during_a_hold_is_the_last():
    """The application's own, while a store is asked for a later end: the connection is over whatever the store says."""

    class ClosesLate(FakeApplication):
        async def run(self, receive, send):
            await receive()
            await send({"type": ACCEPT})
            await asyncio.sleep(10.0)
            await send({"type": CLOSE, "code": 4000})
            while (await receive())["type"] != DISCONNECT:
                pass

    store = Store(alice=10.0)
    store.delay = 0.5
    policy = Policy([named(verifier=store)])
    server = FakeServer()
    live = await opened(ClosesLate(), server, policy=policy, clock=asyncio.get_running_loop().time)
    store.expires["alice"] = 1000.0
    await asyncio.sleep(10.2)
    await asyncio.sleep(1.0)
    assert (len(policy.connections), policy.connections.revoke_now(subject="alice").closed) == (0, 0)
    await live.over()
    assert (server.illegal, server.types()) == ([], [ACCEPT, CLOSE])
