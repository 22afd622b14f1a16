"""Asking again whether those who are connected may still be."""

import asyncio
import contextvars
import gc
import random
import weakref

import pytest
from fakes import Echo, FakeServer, Opened, Store, in_a_thread, knocking, left_behind, named, opened, turns
from opentelemetry import context as opentelemetry
from revocation.live import SilentLog

from wsauth import (
    Blind,
    Connection,
    Connections,
    FirstMessage,
    Identity,
    InvalidCredentials,
    Policy,
    Reason,
    ReportOnly,
    VerifierUnavailable,
    WebSocketAuthMiddleware,
)
from wsauth.asgi import rechecks as module
from wsauth.asgi.rechecks import BATCH, RETRY, SPREAD, TIMEOUT, UNCONFIRMED
from wsauth.revocation.log import MemoryLog

tenant = contextvars.ContextVar("tenant", default=None)


def now():
    return asyncio.get_running_loop().time()


def policy_of(store, **terms):
    return Policy([named(verifier=store)], **terms)


async def let_in(store, **terms):
    return await opened(policy=policy_of(store, **terms), clock=asyncio.get_running_loop().time)


async def leave(*lives):
    for live in lives:
        live.server.client_leaves()
    for live in lives:
        await live.over()
    assert module._in_use == {}


class OutOfReach(MemoryLog):
    """A log whose silence is told."""

    silence = 0.0


# When


async def test_a_store_is_asked_about_an_interval_apart():
    """A fifth more or less, and not always the same."""
    store = Store(alice=None)
    live = await let_in(store, recheck_every=100)
    await asyncio.sleep(5000)
    apart = [after - before for before, after in zip([0, *store.at], store.at, strict=False)]
    assert all(100 * (1 - SPREAD) <= seconds <= 100 * (1 + SPREAD) for seconds in apart)
    assert max(apart) - min(apart) > 10
    assert len(apart) == pytest.approx(50, abs=5)
    await leave(live)


async def test_connections_of_one_policy_are_asked_about_together():
    """Their moments are random, and still one look-up serves many."""
    store = Store(alice=None)
    policy = policy_of(store, recheck_every=60)
    lives = [await opened(policy=policy) for _ in range(200)]
    await asyncio.sleep(80)
    assert sum(map(len, store.asked)) >= 200
    assert 5 <= len(store.asked) <= 2 * module.MOMENTS
    await leave(*lives)


async def test_who_cannot_be_asked_about_is_not():
    """A plain token, and a policy that only reports."""

    class Token(Store):
        recheck = None

    store = Store(alice=None)
    lives = [await let_in(Token(alice=None))]
    assert not any(live.connection.lease.can_look_again for live in lives)
    server, app = FakeServer(), Echo()
    task = server.start(WebSocketAuthMiddleware(app, ReportOnly(policy_of(store))), knocking())
    server.client_leaves()
    await asyncio.wait([task])
    assert app.calls == 1
    assert module._in_use == {}
    await asyncio.sleep(1000)
    assert store.asked == []
    await leave(*lives)


async def test_without_an_interval_only_what_is_asked_for_is_looked_at():
    """Turning the interval off does not turn off what is said to have changed."""
    store = Store(alice=None)
    live = await let_in(store, recheck_every=None)
    await asyncio.sleep(1000)
    assert store.asked == []
    store.expires.clear()
    live.connection.lease.look_again()
    await live.over()
    assert (len(store.asked), live.server.code) == (1, 4410)


async def test_a_look_that_is_asked_for_comes_at_once():
    """Or within the time that was given; the earliest of several counts."""
    store = Store(alice=None)
    live = await let_in(store, recheck_every=1000)
    in_a_thread(live.connection.lease.look_again)
    await turns()
    assert store.at == [0]
    for within in (1, 500, 100):
        live.connection.lease.look_again(within)
    await asyncio.sleep(1.01)
    assert len(store.at) == 2
    await asyncio.sleep(600)
    assert len(store.at) == 2
    await leave(live)


async def test_looks_that_are_spread_are_spread():
    """Over the time that was given, and not beyond."""
    store = Store(alice=None)
    policy = policy_of(store, recheck_every=10_000)
    lives = [await opened(policy=policy) for _ in range(100)]
    assert (await policy.connections.recheck(subject="alice", spread=30)).recorded
    await asyncio.sleep(31)
    assert sum(map(len, store.asked)) == 100
    assert max(map(len, store.asked)) < 30
    assert store.at[-1] <= 30
    await leave(*lives)


async def test_a_look_that_is_asked_for_during_another_leads_to_another():
    """The one under way may have read the store before it changed."""
    store = Store(alice=None)
    live = await let_in(store, recheck_every=1000)
    store.delay = 1.0
    live.connection.lease.look_again()
    await asyncio.sleep(0.5)
    for _ in range(3):
        live.connection.lease.look_again()
        await turns()
    await asyncio.sleep(5)
    assert store.asked == [["alice"], ["alice"]]
    await leave(live)


# How


async def test_many_are_asked_about_in_batches_one_after_the_other():
    """Up to 500 at a time: a store that is slow is not asked twice at once."""
    store = Store(alice=None)
    policy = policy_of(store, recheck_every=10_000)
    lives = [await opened(policy=policy) for _ in range(BATCH + 100)]
    store.delay = 1.0
    await policy.connections.recheck(subject="alice")
    await asyncio.sleep(5)
    assert [len(call) for call in store.asked] == [BATCH, 100]
    await leave(*lives)


def test_loops_are_distinct():
    """Each asks about its own connections; a loop that is gone is not kept."""
    store, other = Store(alice=None), []
    policy = policy_of(store, recheck_every=10)

    async def main(nested):
        live = await opened(policy=policy)
        if nested:
            in_a_thread(lambda: asyncio.run(main(nested=False)))
            other.extend(store.asked)
        else:
            assert len(policy.connections) == 2
            live.connection.lease.look_again()
            await turns()
        live.server.client_leaves()
        await asyncio.wait([live.task])

    asyncio.run(main(nested=True))
    assert other == [["alice"]]
    assert module._in_use == {}


def noting(store):
    """Note with which tenant who is asked about."""
    seen = []
    store.findings = lambda identities: seen.append((tenant.get(), [i.subject for i in identities])) or identities
    return seen


async def at(name, store_policy, key="alice"):
    tenant.set(name)
    return await opened(policy=store_policy, key=key)


async def test_each_is_asked_about_with_what_stood_in_the_context_of_the_handshake():
    """Together with those for whom it was the same; what the application sets later is its own."""
    store = Store(alice=None, bob=None, carol=None)
    seen, policy = noting(store), policy_of(store, recheck_every=1000)
    lives = [
        await asyncio.create_task(at(*who))
        for who in [("acme", policy), ("globex", policy, "bob"), ("acme", policy, "carol")]
    ]
    tenant.set("another")
    for live in lives:
        live.connection.lease.look_again()
    await turns(12)
    assert sorted(seen) == [("acme", ["alice", "carol"]), ("globex", ["bob"])]
    await leave(*lives)


async def test_a_tenant_whose_store_hangs_keeps_no_other_waiting():
    """Nor is a store asked twice at once with the same variables."""
    policy = policy_of(store := Store(alice=None, bob=None), recheck_every=20)
    asked, running = [], []

    async def recheck(identities):
        asked.append(tenant.get())
        assert tenant.get() not in running
        running.append(tenant.get())
        try:
            await asyncio.sleep(1000 if tenant.get() == "hangs" else 0)
        finally:
            running.remove(tenant.get())
        return identities

    store.recheck = recheck
    hangs = await asyncio.create_task(at("hangs", policy))
    fine = await asyncio.create_task(at("fine", policy, "bob"))
    await asyncio.wait([hangs.task])
    assert hangs.server.code == 4503
    assert asked.count("fine") >= 3
    assert fine.server.code is None
    await leave(fine)


@pytest.mark.parametrize(("seconds", "at_once"), [(0, 1), (1, module.AT_MOST)])
async def test_only_where_they_are_slow_are_several_looks_under_way(seconds, at_once):
    """With other variables each, and not more than so many. Everybody gets a turn."""
    store, running, most, seen = Store(alice=None), 0, 0, set()
    policy = policy_of(store, recheck_every=None)

    async def recheck(identities):
        nonlocal running, most
        seen.add(tenant.get())
        running += 1
        most = max(most, running)
        await asyncio.sleep(seconds)
        running -= 1
        return identities

    store.recheck = recheck
    lives = [await asyncio.create_task(at(number, policy)) for number in range(35)]
    for live in lives:
        live.connection.lease.look_again()
    await asyncio.sleep(5)
    assert (most, len(seen)) == (at_once, 35)
    await leave(*lives)


async def test_a_request_of_the_handshake_goes_with_the_connection():
    """Nobody holds it after that."""

    class Request:
        pass

    policy = policy_of(Store(alice=None))
    live = await asyncio.create_task(at(request := Request(), policy))
    left = weakref.ref(request)
    await leave(live)
    del request, live
    gc.collect()
    assert left() is None


async def test_a_span_of_the_handshake_is_not_held():
    """The connection goes on without it, and so does the next look."""
    store = Store(alice=None)
    policy, seen = policy_of(store, recheck_every=10), noting(store)

    class Span:
        pass

    spans = []

    class Traced:
        """Ends its span when the application has accepted, as a tracer of handshakes does."""

        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            span = Span()
            spans.append(weakref.ref(span))
            token = opentelemetry.attach(opentelemetry.set_value("span", span))
            tenant.set("acme")

            async def traced(message):
                nonlocal token
                await send(message)
                if token is not None:
                    opentelemetry.detach(token)
                    token = None

            del span
            await self.app(scope, receive, traced)

    app, server = Echo(), FakeServer()
    middleware = Traced(WebSocketAuthMiddleware(app, policy))
    task = server.start(middleware, knocking(server))
    await asyncio.sleep(25)
    gc.collect()
    assert seen[0] == ("acme", ["alice"])
    assert spans[0]() is None
    assert server.code is None
    await leave(Opened(server, app, policy, task))


async def test_without_variables_a_connection_keeps_nothing_more():
    """And those who share a tenant share what is kept."""
    policy = policy_of(Store(alice=None))
    bare = await asyncio.get_running_loop().create_task(opened(policy=policy), context=contextvars.Context())
    ((_, rechecks),) = module._in_use.items()
    assert rechecks._variables == {}
    lives = [await asyncio.create_task(at("".join(["ac", "me"]), policy)) for _ in range(3)]
    assert len(rechecks._variables) == 3
    assert len({id(variables) for variables in rechecks._variables.values()}) == 1
    await leave(bare, *lives)


async def test_nothing_is_held_after_the_last_connection():
    """No task that waits for a store, no timer, no entry."""
    store = Store(alice=None)
    first, second = await let_in(store), await opened(policy=policy_of(store))
    assert len(module._in_use) == 1
    store.delay = 5.0
    first.connection.lease.look_again()
    second.connection.lease.look_again()
    await turns()
    first.server.client_leaves()
    await first.over()
    assert store.running == 1
    await leave(second)
    await turns()
    assert store.running == 0
    assert left_behind() == []


async def test_who_leaves_while_waiting_is_not_asked_about():
    """And a finding for who has left meanwhile is nothing."""
    store = Store(alice=None, bob=None)
    policy = policy_of(store, recheck_every=1000)
    alice, bob, stays = [await opened(policy=policy, key=key) for key in ("alice", "bob", "alice")]
    store.delay = 1.0
    alice.connection.lease.look_again()
    await turns()
    bob.connection.lease.look_again()
    await turns()
    del store.expires["alice"]
    alice.server.client_leaves()
    bob.server.client_leaves()
    await asyncio.wait([alice.task, bob.task])
    await asyncio.sleep(3)
    assert store.asked == [["alice"]]
    assert alice.server.code is None
    await leave(stays)


async def test_a_finding_for_who_has_left_is_no_event():
    """Closed is the last that is heard of a connection."""
    events = []
    store = Store(alice=None, bob=None)
    policy = policy_of(store, recheck_every=1000, events=[events.append])
    alice, bob = [await opened(policy=policy, key=key) for key in store.expires]
    store.delay = 1.0
    alice.connection.lease.look_again()
    await turns()
    alice.server.client_leaves()
    await asyncio.sleep(2)
    assert [event.kind.value for event in events] == ["accepted", "accepted", "closed"]
    await leave(bob)


async def test_who_was_decided_about_twice_is_looked_at_as_usual():
    """A revocation during the handshake has the store asked anew; what was begun before it is undone."""

    class Revoking(Store):
        async def verify(self, credentials, handshake):
            if not self.at:
                self.at.append(0)
                await policy.connections.revoke(subject="alice")
            return await super().verify(credentials, handshake)

    store = Revoking(alice=None)
    policy = policy_of(store, recheck_every=10)
    live = await opened(policy=policy)
    assert len(live.connection.lease._checks) == 1
    await asyncio.sleep(30)
    assert len(store.asked) >= 2
    await leave(live)


# What comes of it


async def test_who_holds_no_longer_is_closed_with_the_reason():
    """Only they."""
    store = Store(alice=None, bob=None, carol=None)
    policy = policy_of(store)
    alice, bob, carol = [await opened(policy=policy, key=key) for key in store.expires]
    store.findings = lambda identities: [
        {"alice": InvalidCredentials("gone", Reason.REVOKED), "bob": InvalidCredentials("", Reason.FORBIDDEN)}.get(
            identity.subject, identity
        )
        for identity in identities
    ]
    await asyncio.sleep(80)
    assert [live.server.code for live in (alice, bob, carol)] == [4410, 4403, None]
    await leave(carol)


@pytest.mark.parametrize("other", [Identity("bob"), Identity("alice", issuer="of another alice")])
async def test_a_connection_never_changes_hands(other, caplog):
    """An answer about somebody else is a fault of the code, and ends it."""
    store = Store(alice=None)
    live = await let_in(store)
    store.findings = lambda identities: [other]
    await live.over()
    assert live.server.code == 4410
    assert "another subject" in caplog.text
    assert live.connection.identity.subject == "alice"


async def test_the_scope_follows_the_identity():
    """User, scopes, registry and deadline, wherever the scope was handed on."""
    store = Store(alice=None)
    live = await let_in(store, recheck_every=10)
    copy = dict(live.app.scope)
    renewed = Identity(
        "alice", user="Alice", scopes={"chat"}, session_id="abc", expires_at=50.0, labels={"device": "phone"}
    )
    store.findings = lambda identities: [renewed]
    await asyncio.sleep(15)
    assert live.app.scope["user"] == "Alice"
    assert copy["auth"].scopes == live.app.scope["auth"].scopes == ["authenticated", "chat"]
    assert live.connection.identity.scheme == "key"
    assert live.policy.connections.disconnect_now(session_id="abc", labels={"device": "phone"}, after=100).closed == 1
    await live.over()
    assert (now(), live.server.code) == (pytest.approx(50), 4440)


async def test_what_the_application_has_put_into_its_scope_stays():
    """Only what wsauth put there is replaced."""
    store = Store(alice=None)
    live = await let_in(store, recheck_every=10)
    live.app.scope["user"] = live.app.scope["auth"] = "the application's"
    store.findings = lambda identities: [Identity("alice", user="Alice")]
    await asyncio.sleep(15)
    assert (live.app.scope["user"], live.app.scope["auth"]) == ("the application's",) * 2
    await leave(live)


# Stores that fail

FAILURES = {
    "raises": lambda store: setattr(store, "fails", OSError("s3cret")),
    "unavailable": lambda store: setattr(store, "fails", VerifierUnavailable("down")),
    "cancelled": lambda store: setattr(store, "fails", asyncio.CancelledError()),
    "hangs": lambda store: setattr(store, "delay", 1e6),
    "too few": lambda store: setattr(store, "findings", lambda identities: []),
    "too many": lambda store: setattr(store, "findings", lambda identities: [*identities, *identities]),
    "none": lambda store: setattr(store, "findings", lambda identities: None),
    "a generator": lambda store: setattr(store, "findings", lambda identities: (1 for _ in identities)),
    "garbage": lambda store: setattr(store, "findings", lambda identities: [None for _ in identities]),
    "a class": lambda store: setattr(store, "findings", lambda identities: [InvalidCredentials for _ in identities]),
    "unavailable each": lambda store: setattr(store, "findings", lambda i: [VerifierUnavailable("down") for _ in i]),
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_who_cannot_be_confirmed_is_kept_for_a_minute(failure, caplog):
    """Asked about every ten seconds, then closed, to come back when the store does."""
    store = Store(alice=None)
    live = await let_in(store, recheck_every=100)
    FAILURES[failure](store)
    live.connection.lease.look_again()
    await asyncio.sleep(UNCONFIRMED - 1)
    assert not live.connection.ended
    assert len(store.asked) >= 3
    await live.over()
    latest = UNCONFIRMED + 2 * TIMEOUT + RETRY * (1 + SPREAD)
    assert (live.server.code, UNCONFIRMED <= now() <= latest) == (4503, True)
    assert "s3cret" not in caplog.text


async def test_a_store_that_comes_back_confirms():
    """The minute counts anew, and the interval is the usual one."""
    store = Store(alice=None)
    live = await let_in(store, recheck_every=100)
    for _ in range(3):
        store.fails = OSError()
        live.connection.lease.look_again()
        await asyncio.sleep(50)
        store.fails = None
        await asyncio.sleep(15)
    asked = len(store.asked)
    await asyncio.sleep(60)
    assert len(store.asked) == asked
    await leave(live)


async def test_trust_keeps_who_cannot_be_confirmed():
    """That is what `Blind.TRUST` says of a log that is out of reach, which may be in the same database."""
    store, log = Store(alice=None), SilentLog()
    live = await let_in(store, connections=Connections(log=log, blind=Blind.TRUST))
    store.fails, log.silence = OSError(), 1000.0
    await asyncio.sleep(1000)
    assert len(store.asked) > 50
    log.silence = 0.0
    await leave(live)
    await asyncio.sleep(2)


async def test_trust_is_in_nobody_else():
    """Where the log is in reach, who cannot be confirmed is closed."""
    store = Store(alice=None)
    live = await let_in(store, connections=Connections(blind=Blind.TRUST))
    store.fails = OSError()
    await live.over()
    assert live.server.code == 4503


async def test_a_look_after_a_change_is_not_made_good_by_one_before_it():
    """What takes a while to happen is not seen earlier."""
    store = Store(alice=None)
    live = await let_in(store, recheck_every=3600)
    live.policy.connections.recheck_now(subject="alice", after=60)
    live.policy.connections.recheck_now(subject="alice")
    await asyncio.sleep(50)
    assert len(store.at) == 1
    store.expires.clear()
    await live.over()
    assert live.server.code == 4410
    assert 59.9 < store.at[-1] < 61


async def test_a_store_that_hangs_closes_everybody_in_time():
    """However many they are: who waits for a store that does not answer is counted as unanswered too."""
    store = Store(alice=None)
    policy = policy_of(store, recheck_every=60)
    lives = [await opened(policy=policy) for _ in range(3 * BATCH)]
    store.delay = 1e6
    await asyncio.wait([live.task for live in lives])
    assert now() <= 60 * (1 + SPREAD) + UNCONFIRMED + 3 * TIMEOUT + RETRY * (1 + SPREAD)
    assert {live.server.code for live in lives} == {4503}


async def test_one_that_cannot_be_judged_harms_no_other():
    """The others of its batch are confirmed."""
    store = Store(alice=None, bob=None)
    policy = policy_of(store, recheck_every=10)
    alice, bob = [await opened(policy=policy, key=key) for key in store.expires]
    store.findings = lambda identities: [
        VerifierUnavailable("odd") if identity.subject == "alice" else identity for identity in identities
    ]
    await asyncio.sleep(150)
    assert (alice.server.code, bob.server.code) == (4503, None)
    await leave(bob)


async def test_a_fault_of_ours_stops_nobody(monkeypatch):
    """Whatever becomes of one look, there is a next one."""
    faults = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: faults.append(context))
    store = Store(alice=None)
    live = await let_in(store, recheck_every=10)
    with monkeypatch.context() as patch:
        patch.setattr(Connection, "refresh_scopes", None)
        await asyncio.sleep(15)
    gc.collect()
    assert len(faults) == 1
    del store.expires["alice"]
    await live.over()
    assert live.server.code == 4410


async def test_while_the_log_is_out_of_reach_the_store_is_asked_every_ten_seconds():
    """It is the only one who could know of a revocation."""
    store, log = Store(alice=None), OutOfReach()
    live = await let_in(store, connections=Connections(log=log), recheck_every=60)
    log.silence = 6.0
    await asyncio.sleep(60 * (1 + SPREAD))
    asked = len(store.asked)
    await asyncio.sleep(100)
    assert len(store.asked) - asked == pytest.approx(10, abs=3)
    log.silence = 0.0
    await asyncio.sleep(15)
    asked = len(store.asked)
    await asyncio.sleep(300)
    assert len(store.asked) - asked == pytest.approx(5, abs=2)
    await leave(live)


# Two who are asked


async def test_nested_policies_are_both_asked():
    """Each at its own interval, and each may end it."""
    for ends in ("outer", "inner"):
        calls = {"outer": 0, "inner": 0}

        def callback(name, calls=calls, ends=ends):
            async def recheck(identity):
                calls[name] += 1
                return None if name == ends and calls[name] == 3 else identity

            return recheck

        store = Store(alice=None)
        scheme = named(verifier=store)
        outer = Policy([scheme], recheck=callback("outer"), recheck_every=30)
        inner = Policy([scheme], recheck=callback("inner"), recheck_every=50)
        live = await nested(outer, inner)
        await asyncio.wait([live.task])
        assert calls[ends] == 3
        assert min(calls.values()) >= 1
        assert store.asked
        assert live.server.code == 4410
        assert module._in_use == {}


async def test_each_of_two_policies_is_asked_with_what_stood_around_it():
    """A middleware between them may have set another tenant, which is none of the outer one's business."""
    seen = []

    def callback(name):
        async def recheck(identity):
            seen.append((name, tenant.get()))
            return identity

        return recheck

    store = Store(alice=None)
    store.findings = lambda identities: seen.append(("store", tenant.get())) or identities
    scheme = named(verifier=store)
    outer, inner = (Policy([scheme], recheck=callback(name)) for name in ("outer", "inner"))
    tenant.set("public")
    live = await nested(outer, inner, between=lambda: tenant.set("acme"))
    await asyncio.sleep(80)
    assert set(seen) == {("store", "public"), ("outer", "public"), ("inner", "acme")}
    live.server.client_leaves()
    await asyncio.wait([live.task])


async def test_a_first_message_is_asked_about_with_what_stood_around_it():
    """As a handshake."""
    store = Store(alice=None)
    seen = noting(store)
    policy = Policy([named(FirstMessage(), store)])
    app, server = Echo(), FakeServer()
    tenant.set("acme")
    task = server.start(WebSocketAuthMiddleware(app, policy), knocking(server, key=None))
    server.client_sends('{"type": "auth", "token": "alice"}')
    await asyncio.sleep(80)
    assert seen[0] == ("acme", ["alice"])
    await leave(Opened(server, app, policy, task))


async def nested(outer, inner, between=lambda: None):
    class Guarded(Echo):
        async def __call__(self, scope, receive, send):
            between()
            await middleware(scope, receive, send)

    app = Echo()
    middleware = WebSocketAuthMiddleware(app, inner)
    server = FakeServer()
    task = server.start(WebSocketAuthMiddleware(Guarded(), outer), knocking(server))
    await turns(20)
    return Opened(server, app, outer, task)


async def test_a_nested_scope_follows_the_identity():
    """The application stands behind the inner policy, whose scope is a copy."""
    store = Store(alice=None)
    scheme = named(verifier=store)
    live = await nested(Policy([scheme], recheck_every=10), Policy([scheme]))
    store.findings = lambda identities: [Identity("alice", user="Alice", scopes={"chat"})]
    await asyncio.sleep(15)
    assert (live.app.scope["user"], live.app.scope["auth"].scopes) == ("Alice", ["authenticated", "chat"])
    await leave(live)


async def test_one_who_was_asked_about_an_older_identity_does_not_undo_the_newer():
    """A callback that derives its answer from what it was given is asked again about what the store has said since."""

    async def callback(identity):
        await asyncio.sleep(1)
        return Identity(identity.subject, user=identity.user, scopes={"checked"}, expires_at=identity.expires_at)

    store = Store(alice=None)
    live = await let_in(store, recheck=callback, recheck_every=1000)
    store.delay = 0.5
    store.findings = lambda identities: [Identity("alice", user="Alice")]
    live.connection.lease.look_again()
    await asyncio.sleep(5)
    assert live.connection.identity.user == "Alice"
    assert live.connection.identity.scopes == {"checked"}
    await leave(live)


async def test_a_record_that_asks_again_reaches_a_connection_from_its_first_moment(monkeypatch):
    """Who is registered can be found, and says already that it can be asked about."""
    seen = []
    real = Connections.open

    def opening(self, connection, *arguments, **options):
        seen.append(connection.can_look_again)
        return real(self, connection, *arguments, **options)

    monkeypatch.setattr(Connections, "open", opening)
    live = await let_in(Store(alice=None))
    assert seen == [True]
    await leave(live)


async def test_random_moments_stay_in_their_bounds():
    """Also where they are rounded so that others share them."""
    rechecks = module.Rechecks.of(Store())
    for _ in range(1000):
        least = random.uniform(0, 100)
        most = least + random.choice([0, 1e-9, random.uniform(0, 100)])
        assert least <= rechecks._moment(least, most) - now() <= most + 1e-9
