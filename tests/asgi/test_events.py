"""What the sinks of a policy are told, in which order."""

import asyncio
import time
from dataclasses import replace

import pytest
from fakes import (
    ACCEPT,
    CLOSE,
    Answers,
    Echo,
    FakeApplication,
    FakeServer,
    Store,
    knocked,
    knocking,
    named,
    opened,
    turns,
    websocket_scope,
)

from wsauth import Anonymous, FirstMessage, Policy, Reason, ReportOnly, WebSocketAuthMiddleware
from wsauth.core.events import EventKind, subject_hash

ACCEPTED, RECHECKED, EXPIRED, REVOKED, CLOSED, DENIED = (
    EventKind[name] for name in ("ACCEPTED", "RECHECKED", "EXPIRED", "REVOKED", "CLOSED", "DENIED")
)


class Sink(list):
    """Keeps events."""

    def __call__(self, event):
        self.append(event)

    def told(self):
        return [(event.kind, event.reason) for event in self]


async def visit(app, scope):
    """Come, and leave again."""
    server = FakeServer()
    task = server.start(app, scope)
    await turns(20)
    server.client_leaves()
    await task


async def test_a_connections_life_in_order():
    """Accepted, looked at, expired, closed: with the same id, the subject's hash, the scheme, and how long."""
    sink, store = Sink(), Store(alice=100.0)
    policy = Policy([named(verifier=store)], events=[sink], recheck_every=40, max_lifetime=1000)
    live = await opened(policy=policy, clock=asyncio.get_running_loop().time)
    connection = live.connection
    await live.over()
    assert sink.told()[0] == (ACCEPTED, None)
    assert set(sink.told()[1:-2]) == {(RECHECKED, None)}
    assert len(sink) >= 5
    assert sink.told()[-2:] == [(EXPIRED, Reason.EXPIRED), (CLOSED, Reason.EXPIRED)]
    assert {(event.connection_id, event.subject_hash, event.scheme) for event in sink} == {
        (connection.id, subject_hash("alice"), "key")
    }
    assert [round(event.seconds) for event in sink[-2:]] == [100, 100]
    assert 0 < sink[0].seconds < 1


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (lambda live: live.server.client_leaves(), [(CLOSED, None)]),
        (lambda live: live.connection.end(Reason.REPLACED), [(REVOKED, Reason.REPLACED), (CLOSED, Reason.REPLACED)]),
        (
            lambda live: live.policy.connections.revoke_now(subject="alice"),
            [(REVOKED, Reason.REVOKED), (CLOSED, Reason.REVOKED)],
        ),
        (
            lambda live: live.connection.lease.end_in(5, Reason.GOING_AWAY),
            [(REVOKED, Reason.GOING_AWAY), (CLOSED, Reason.GOING_AWAY)],
        ),
        (lambda live: live.task.cancel(), [(CLOSED, None)]),
    ],
    ids=["client", "end", "revoke", "announced", "server"],
)
async def test_every_life_ends_in_one_closed(end, expected):
    """With the reason that wsauth ended it with, and none where somebody else did; however often it is ended."""
    sink = Sink()
    live = await opened(policy=Policy([named()], events=[sink]))
    end(live)
    await asyncio.wait([live.task])
    live.connection.end(Reason.FORBIDDEN)
    live.connection.release()
    await turns()
    assert sink.told() == [(ACCEPTED, None), *expected]


async def test_a_re_check_that_ends_a_connection_comes_before_the_end():
    """Also where it only says who this is now, and that is somebody who is blocked."""

    async def recheck(identity):
        return replace(identity, labels={"room": "7"})

    told = []
    policy = Policy([named()], recheck=recheck, recheck_every=10, events=[told.append])
    await policy.connections.block(labels={"room": "7"}, until=time.time() + 1000)
    live = await opened(policy=policy)
    await live.over()
    assert [(event.kind, event.reason) for event in told] == [
        (EventKind.ACCEPTED, None),
        (EventKind.RECHECKED, Reason.FORBIDDEN),
        (EventKind.REVOKED, Reason.FORBIDDEN),
        (EventKind.CLOSED, Reason.FORBIDDEN),
    ]


@pytest.mark.parametrize(
    "messages",
    [
        [{"type": ACCEPT}, {"type": CLOSE, "code": 1000}],
        [{"type": CLOSE}],
        [{"type": CLOSE, "code": 4403}],
        [
            {"type": "websocket.http.response.start", "status": 403, "headers": []},
            {"type": "websocket.http.response.body", "body": b"no"},
        ],
    ],
)
@pytest.mark.parametrize("first_message", [False, True])
async def test_what_the_application_ends_has_no_reason(messages, first_message):
    """Also where it refuses and wsauth delivers that in its own form."""
    sink, server = Sink(), FakeServer()
    policy = Policy([named(FirstMessage()) if first_message else named()], events=[sink])
    if first_message:
        server.client_sends('{"type": "auth", "token": "alice"}')
    await knocked(policy, server=server, app=Answers(*messages))
    assert sink.told() == [(ACCEPTED, None), (CLOSED, None)]


async def test_an_application_that_never_answers_ended_it_itself():
    """It returned, and the server closes; after a first message that is wsauth."""

    class Returns(FakeApplication):
        async def run(self, receive, send):
            await receive()

    sink, server = Sink(), FakeServer()
    server.client_sends('{"type": "auth", "token": "alice"}')
    await knocked(Policy([named(FirstMessage())], events=[sink]), websocket_scope(), server, Returns())
    assert (sink.told(), server.code) == ([(ACCEPTED, None), (CLOSED, None)], 4403)


async def test_a_refusal_is_one_event_with_the_incident_of_the_log(caplog):
    """And nothing else: no connection was."""
    caplog.set_level("INFO", "wsauth")
    sink = Sink()
    await knocked(Policy([named()], events=[sink]), websocket_scope())
    assert sink.told() == [(DENIED, Reason.MISSING)]
    assert f"[{sink[0].incident}]" in caplog.text
    assert sink[0].seconds > 0


async def test_report_only_tells_what_it_would_have_refused():
    """And says nothing of who it would have let in."""
    sink = Sink()
    policy = Policy([named()], events=[sink])
    for scope in (websocket_scope(), knocking()):
        app = Echo()
        await visit(WebSocketAuthMiddleware(app, ReportOnly(policy)), scope)
        assert app.calls == 1
    assert sink.told() == [(EventKind.WOULD_DENY, Reason.MISSING)]
    assert sink[0].incident


@pytest.mark.parametrize("key", ["alice", None])
async def test_the_outermost_policy_hears_of_the_life_and_each_of_its_own_refusals(key):
    """One life is told once, however many policies it passed."""
    outer_sink, inner_sink, scheme = Sink(), Sink(), named()
    outer = Policy([scheme], anonymous=Anonymous.IF_MISSING, events=[outer_sink])
    inner = WebSocketAuthMiddleware(Echo(), Policy([scheme], events=[inner_sink]))
    await visit(WebSocketAuthMiddleware(inner, outer), knocking(key=key))
    if key is None:
        assert inner_sink.told() == [(DENIED, Reason.MISSING)]
        assert outer_sink.told() == [(ACCEPTED, None), (CLOSED, Reason.MISSING)]
    else:
        assert inner_sink.told() == []
        assert outer_sink.told() == [(ACCEPTED, None), (CLOSED, None)]


async def test_a_sink_that_raises_harms_nobody():
    """Neither the connection nor the sinks after it."""

    def raises(event):
        raise LookupError

    sink, store = Sink(), Store(alice=None)
    policy = Policy([named(verifier=store)], events=[raises, sink], recheck_every=10)
    live = await opened(policy=policy)
    await asyncio.sleep(50)
    del store.expires["alice"]
    await live.over()
    assert live.server.code == 4410
    assert sink.told()[-3:] == [(RECHECKED, Reason.REVOKED), (REVOKED, Reason.REVOKED), (CLOSED, Reason.REVOKED)]


async def test_the_log_going_out_of_reach_and_coming_back_is_told():
    """Once each."""
    sink = Sink()
    policy = Policy([named()], events=[sink])
    for silence in (0.0, 6.0, 7.0, 0.0, 0.0):
        policy.connections.sight.judge(silence)
    assert [event.kind for event in sink] == [EventKind.LOG_STALE, EventKind.LOG_SYNCED]


async def test_a_sink_that_ends_the_connection_again_ends_it_once():
    """Whoever closes a user's other sockets when one was revoked comes back to the same one."""
    seen = []

    def sink(event):
        seen.append(event.kind)
        if event.kind is EventKind.REVOKED:
            policy.connections.disconnect_now(subject="alice")

    policy = Policy([named()], events=[sink])
    live = await opened(policy=policy)
    live.connection.end(Reason.REVOKED)
    await live.over()
    assert seen == [EventKind.ACCEPTED, EventKind.REVOKED, EventKind.CLOSED]
    assert live.server.code == 4410
