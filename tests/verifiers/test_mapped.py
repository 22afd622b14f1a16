"""What a verifier finds is changed by a function of the application's own, at the handshake and at each re-check."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from fakes import Store, knocked, knocking, named, opened, turns

from wsauth import ConfigurationError, Credentials, Handshake, Identity, InvalidCredentials, Mapped, Policy, Reason
from wsauth.core.errors import VerifierUnavailable
from wsauth.starlette.sessions import SessionScope
from wsauth.verifiers import mapped as module

ANYWHERE = Handshake("/")


async def unchanged(identity: Identity) -> Identity:
    return identity


async def with_rights(identity: Identity) -> Identity:
    return replace(identity, scopes=frozenset(f"app:{name}" for name in ("read", *identity.scopes)))


async def as_alice(identity: Identity) -> Identity:
    return replace(identity, subject="alice", user="Alice")


async def proved(verifier: Any, secret: str = "root") -> Any:
    return await verifier.verify(Credentials(secret), ANYWHERE)


async def judged(verifier: Any, *identities: Identity) -> Any:
    return await verifier.recheck(identities)


async def test_what_is_found_is_changed_at_the_handshake_and_at_each_re_check():
    """From what the store says now, not from what was made of it before: names are not prefixed twice."""
    verifier = Mapped(Store(root=None), with_rights)
    identity = await proved(verifier)
    for _ in range(3):
        assert identity.scopes == {"app:read"}
        (identity,) = await judged(verifier, identity)


async def test_what_the_store_no_longer_vouches_for_ends(caplog):
    """Whoever the identity was mapped to: the inner verifier is asked about whom it proved itself."""
    store = Store(root=None)
    live = await opened(policy=Policy([named(verifier=Mapped(store, as_alice))]), key="root")
    assert live.connection.identity.subject == "alice"
    live.connection.lease._look()
    await turns()
    assert store.asked == [["root"]]
    assert live.server.code is None
    del store.expires["root"]
    live.connection.lease._look()
    await live.over()
    assert live.server.code == 4410
    assert "never changes hands" not in caplog.text


@pytest.mark.parametrize("subject", ["root", "alice"])
async def test_a_revocation_finds_whom_the_credential_named_and_whom_he_acts_as(subject):
    """To close all of the administrator's connections closes those too on which he is somebody else."""
    policy = Policy([named(verifier=Mapped(Store(root=None), as_alice))])
    live = await opened(policy=policy, key="root")
    receipt = await policy.connections.revoke(subject=subject)
    assert receipt.closed == 1
    await live.over()


async def test_a_block_of_whom_the_credential_named_refuses_him_as_another():
    """Otherwise who is locked out comes back as somebody else."""
    policy = Policy([named(verifier=Mapped(Store(root=None), as_alice))])
    await policy.connections.block(subject="root", until=policy.connections.now() + 60)
    server, app = await knocked(policy, knocking(key="root"))
    assert not app.running
    assert server.status == 403


@pytest.mark.parametrize("answer", [None, Identity.anonymous(), Identity("bob")])
async def test_who_is_mapped_to_nobody_or_somebody_else_later_ends(answer):
    """A connection never changes hands, and outlives no mapping."""

    async def change(identity: Identity) -> Identity | None:
        return answers.pop(0)

    verifier = Mapped(Store(root=None), change)
    answers = [Identity("alice"), answer]
    (found,) = await judged(verifier, await proved(verifier))
    assert isinstance(found, InvalidCredentials)
    assert found.reason is Reason.REVOKED


@pytest.mark.parametrize(
    ("error", "kind"),
    [(InvalidCredentials("no rights"), InvalidCredentials), (VerifierUnavailable("away"), VerifierUnavailable)],
)
async def test_errors_of_the_change_are_those_of_a_verifier(error, kind):
    """At the handshake they are raised; at a re-check each is the finding for one, and the others stay."""
    failing: set[str] = set()

    async def change(identity: Identity) -> Identity:
        if identity.subject in failing:
            raise error
        return identity

    verifier = Mapped(Store(root=None, bob=None), change)
    root, bob = await proved(verifier), await proved(verifier, "bob")
    failing.add("root")
    with pytest.raises(kind):
        await proved(verifier)
    found, beside = await judged(verifier, root, bob)
    assert isinstance(found, kind)
    assert not isinstance(found, InvalidCredentials) or found.reason is Reason.REVOKED
    assert beside.subject == "bob"


async def test_a_change_that_hangs_holds_up_one(monkeypatch):
    """The others are judged without it."""
    monkeypatch.setattr(module, "PATIENCE", 0.0)

    async def change(identity: Identity) -> Identity:
        return identity if calls.pop(0) != "hang" else await asyncio.Future()

    calls = ["", "", "hang", ""]
    verifier = Mapped(Store(root=None, bob=None), change)
    found, beside = await judged(verifier, await proved(verifier), await proved(verifier, "bob"))
    assert isinstance(found, VerifierUnavailable)
    assert beside.subject == "bob"


async def test_what_the_change_leaves_out_stays_as_it_was_found():
    """An identity of its own making keeps the names by which it is revoked, and its end. A user goes with his subject."""
    whole = Identity(
        "root", user="Root", issued_at=5, expires_at=50, session_id="s", token_id="t", key_id="k", labels={"a": "b"}
    )

    async def inner(credentials: Credentials) -> Identity:
        return whole

    async def another(identity: Identity) -> Identity:
        return Identity("alice", expires_at=90)

    async def rights(identity: Identity) -> Identity:
        return Identity("root", scopes=frozenset({"read"}), expires_at=40)

    alice, root = await proved(Mapped(inner, another)), await proved(Mapped(inner, rights))
    for identity in (alice, root):
        kept = (identity.issued_at, identity.session_id, identity.token_id, identity.key_id, identity.labels)
        assert kept == (5, "s", "t", "k", {"a": "b"})
        assert identity.proven_subject == "root"
    assert (alice.user, alice.expires_at) == (None, 50)
    assert (root.user, root.expires_at, root.scopes) == ("Root", 40, {"read"})


async def test_one_around_another_is_asked_layer_by_layer():
    """Each gets what the one inside it made."""

    async def twice(identity: Identity) -> Identity:
        return replace(identity, scopes=identity.scopes | {f"of {identity.subject}"})

    verifier = Mapped(Mapped(Store(root=None), as_alice), twice)
    identity = await proved(verifier)
    (again,) = await judged(verifier, identity)
    assert (again.subject, again.user, again.scopes) == ("alice", "Alice", {"of alice"})
    assert again == identity


async def test_what_cannot_be_asked_inside_is_asked_about_outside():
    """Around a plain token the change alone is asked again."""

    async def inner(credentials: Credentials) -> Identity:
        return Identity(credentials.secret)

    async def change(identity: Identity) -> Identity | None:
        return identity if identity.subject in members else None

    members = {"root"}
    verifier = Mapped(inner, change)
    identity = await proved(verifier)
    assert await judged(verifier, identity) == [identity]
    members.clear()
    assert isinstance((await judged(verifier, identity))[0], InvalidCredentials)


async def test_an_inactive_user_whom_the_change_puts_in_is_refused():
    """At the handshake and at the next re-check."""

    async def change(identity: Identity) -> Identity:
        return replace(identity, user={"name": identity.subject, "is_active": identity.subject not in gone})

    gone: set[str] = set()
    verifier = Mapped(Store(root=None), change)
    identity = await proved(verifier)
    gone.add("root")
    assert isinstance((await judged(verifier, identity))[0], InvalidCredentials)
    with pytest.raises(InvalidCredentials, match="inactive"):
        await proved(verifier)


async def test_nobody_and_anonymous_are_not_changed():
    """There is no identity to change."""

    async def inner(credentials: Credentials) -> Identity | None:
        return Identity.anonymous() if credentials.secret == "guest" else None

    verifier = Mapped(inner, as_alice)
    assert await proved(verifier) is None
    assert (await proved(verifier, "guest")).is_anonymous


def test_what_the_inner_verifier_is_holds_for_the_whole():
    """Stateful, with its format and its framework, unless another framework is named."""

    own, another = SessionScope(), SessionScope()

    class Inner(Store):
        bearer_format = "JWT"
        framework = own

    verifier = Mapped(Inner(), unchanged)
    assert (verifier.stateful, verifier.bearer_format, verifier.framework) == (True, "JWT", own)
    assert Mapped(Inner(), unchanged, framework=another).framework is another
    assert not Mapped(unchanged, unchanged).stateful  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [lambda identity: identity, None, Identity("alice"), Store().verify])
def test_a_change_that_is_no_async_function_of_the_identity_is_refused(change):
    """When the policy is made."""
    with pytest.raises(ConfigurationError, match="Mapped"):
        Mapped(Store(), change)
