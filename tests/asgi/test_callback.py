"""`Policy(recheck=...)`."""

import asyncio
import functools
import logging
import time

import pytest
from fakes import named, opened

from wsauth import Identity, InvalidCredentials, Policy, Reason, VerifierUnavailable
from wsauth.asgi.callback import AT_ONCE, PATIENCE, Callback


async def let_in(recheck, **terms):
    return await opened(policy=Policy([named()], recheck=recheck, **terms))


async def answering(answer, identity):
    if isinstance(answer, BaseException):
        raise answer
    return answer


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (None, 4410),
        (InvalidCredentials("no longer a member", Reason.FORBIDDEN), 4403),
        (False, 4410),
        (True, 4410),
        ("alice", 4410),
        (Identity("bob"), 4410),
        (VerifierUnavailable("down"), 4503),
        (LookupError("s3cret"), 4503),
        (TimeoutError(), 4503),
        (asyncio.CancelledError(), 4503),
    ],
    ids=repr,
)
async def test_only_an_identity_goes_on(answer, code, caplog):
    """None and garbage end it; what fails ends it after a minute. Here it is a partial of an async function."""
    live = await let_in(functools.partial(answering, answer))
    await live.over()
    assert live.server.code == code
    assert "s3cret" not in caplog.text


async def test_garbage_and_failures_are_in_the_log(caplog):
    """By their type."""
    caplog.set_level(logging.ERROR, "wsauth")
    for answer, word in ((7, "answered a int"), (LookupError("x"), "raised LookupError")):
        live = await let_in(functools.partial(answering, answer))
        await live.over()
        assert word in caplog.text


async def test_an_identity_may_be_replaced():
    """Plain tokens are asked about too, where the policy has somebody to ask."""

    async def recheck(identity):
        return Identity(identity.subject, user="Alice", scopes={"chat"})

    live = await let_in(recheck, recheck_every=10)
    await asyncio.sleep(15)
    assert live.app.scope["user"] == "Alice"
    live.server.client_leaves()
    await live.over()


async def test_what_an_identity_leaves_out_stays_as_it_was():
    """The token still expires, and is found by whatever it can be revoked by."""
    now = time.time()
    proven = Identity(
        "alice",
        issued_at=now,
        expires_at=now + 50,
        session_id="s",
        token_id="t",
        key_id="k",
        issuer="i",
        labels={"device": "phone"},
    )

    async def verify(credentials):
        return proven

    async def recheck(identity):
        return Identity(identity.subject, labels={"room": "7"})

    named_by = [{"session_id": "s"}, {"token_id": "t"}, {"key_id": "k"}, {"issuer": "i"}]
    for whom in (*named_by, {"labels": {"device": "phone", "room": "7"}}):
        policy = Policy([named(verifier=verify)], recheck=recheck, recheck_every=10)
        live = await opened(policy=policy)
        await asyncio.sleep(15)
        assert live.connection.identity.issued_at == now
        assert (await policy.connections.disconnect(**whom)).closed == 1
        await live.over()
    live = await opened(policy=policy)
    await asyncio.sleep(60)
    assert live.server.code == 4440
    await live.over()


async def test_an_identity_may_be_given_another_end():
    """As by an introspection that knows of a renewal."""
    now = time.time()

    async def verify(credentials):
        return Identity("alice", expires_at=now + 50, token_id="t")

    async def recheck(identity):
        return Identity("alice", expires_at=now + 500, token_id="u")

    policy = Policy([named(verifier=verify)], recheck=recheck, recheck_every=10)
    live = await opened(policy=policy)
    await asyncio.sleep(100)
    assert live.server.code is None
    assert (await policy.connections.disconnect(token_id="u")).closed == 1
    await live.over()


async def test_a_few_are_asked_about_at_a_time():
    """A hundred calls are made, ten at once, and a slow answer is no failure."""
    running, most = 0, 0

    async def recheck(identity):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(5)
        running -= 1
        return identity

    policy = Policy([named()], recheck=recheck, recheck_every=10_000)
    lives = [await opened(policy=policy) for _ in range(100)]
    await policy.connections.recheck(subject="alice")
    await asyncio.sleep(1000)
    assert (running, most, len(policy.connections)) == (0, AT_ONCE, 100)
    for live in lives:
        live.server.client_leaves()
    await asyncio.wait([live.task for live in lives])


@pytest.mark.parametrize("how", ["hangs", "is cancelled"])
async def test_one_that_hangs_harms_no_other(how):
    """It is given up after a few seconds, and only its own connection ends."""

    async def recheck(identity):
        if identity.subject == "alice" and how == "is cancelled":
            raise asyncio.CancelledError
        await asyncio.sleep(1e6 if identity.subject == "alice" else 0)
        return identity

    policy = Policy([named()], recheck=recheck, recheck_every=10)
    alice, bob = [await opened(policy=policy, key=key) for key in ("alice", "bob")]
    for _ in range(20):  # together
        await policy.connections.recheck(subject="alice")
        await policy.connections.recheck(subject="bob")
        await asyncio.sleep(10)
    assert (alice.server.code, bob.server.code) == (4503, None)
    bob.server.client_leaves()
    await bob.over()


async def test_one_that_is_cancelled_is_one_finding():
    """And not the end of the whole batch."""

    async def recheck(identity):
        if identity.subject == "alice":
            raise asyncio.CancelledError
        return identity

    alice, bob = await Callback(recheck).recheck([Identity("alice"), bob_asked := Identity("bob")])
    assert (type(alice), bob is bob_asked) == (VerifierUnavailable, True)


async def test_where_nobody_can_be_judged_the_others_need_not_be_tried():
    """The same backend would not answer about them either."""

    async def recheck(identity):
        await asyncio.sleep(1e6)

    with pytest.raises(VerifierUnavailable):
        await Callback(recheck).recheck([Identity("alice")])
    assert asyncio.get_running_loop().time() == pytest.approx(PATIENCE)


async def test_what_the_verifier_needs_stays_with_the_identity():
    """It is asked again too, and looks for the session, the claims and the user that it gave."""

    async def verify(credentials):
        return Identity("alice", user="the user", claims={"sub": "alice"}, scope={"session": "the session"})

    async def recheck(identity):
        return Identity(identity.subject, scopes=frozenset({"read"}), scope={"room": "7"})

    live = await opened(policy=Policy([named(verifier=verify)], recheck=recheck, recheck_every=10))
    await asyncio.sleep(15)
    now = live.connection.identity
    assert (now.user, now.claims, now.scopes) == ("the user", {"sub": "alice"}, {"read"})
    assert now.scope == {"session": "the session", "room": "7"}
    assert live.app.scope["user"] == "the user"
    live.server.client_leaves()
    await live.over()
