"""Who is connected: a value that is what its annotations say."""

from __future__ import annotations

import dataclasses
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest

from wsauth.core.identity import Identity


def test_an_identity_with_a_subject_is_authenticated():
    """Frameworks ask `is_authenticated` and `display_name`."""
    alice = Identity("42", user=object(), scopes=["read"], issued_at=1, expires_at=1.8e9)  # type: ignore[arg-type]
    assert alice.is_authenticated
    assert not alice.is_anonymous
    assert alice.display_name == "42"
    assert alice.scopes == frozenset({"read"})


def test_the_anonymous_identity_is_nobody():
    """It has no subject, so `revoke` never matches it and `is_authenticated` is false."""
    nobody = Identity.anonymous(user="guest", scope={"session": {}})
    assert nobody.is_anonymous
    assert not nobody.is_authenticated
    assert (nobody.subject, nobody.user, nobody.scope) == ("", "guest", {"session": {}})
    assert Identity.anonymous().scope == {}


@pytest.mark.parametrize("subject", [42, None, b"42", True, ["42"]])
def test_a_subject_that_is_no_text_says_what_to_write(subject: Any):
    """`revoke(subject="42")` would never find an identity whose subject is 42."""
    with pytest.raises(TypeError, match=r"str\(user\.pk\)"):
        Identity(subject)


@pytest.mark.parametrize("scopes", ["read write", None, 5, {1, 2}, [b"read"]])
def test_scopes_that_are_no_names_say_what_to_write(scopes: Any):
    """One str would be taken for its letters."""
    with pytest.raises(TypeError, match="frozenset"):
        Identity("42", scopes=scopes)


@pytest.mark.parametrize("name", ["issued_at", "expires_at"])
@pytest.mark.parametrize("value", [datetime(2030, 1, 1, tzinfo=UTC), "1800000000", True, float("nan"), [1]])
def test_a_time_that_is_no_number_is_refused(name: str, value: Any):
    """A deadline that cannot be compared would never come."""
    with pytest.raises(TypeError, match=name):
        Identity("42", **{name: value})


@pytest.mark.parametrize("name", ["session_id", "token_id"])
@pytest.mark.parametrize("value", [5, b"5", True])
def test_an_id_that_is_no_text_is_refused(name: str, value: Any):
    """`revoke(token_id="5")` would never find it."""
    with pytest.raises(TypeError, match=name):
        Identity("42", **{name: value})


@pytest.mark.parametrize("name", ["claims", "scope"])
@pytest.mark.parametrize("value", [None, [("a", 1)], "a"])
def test_entries_that_are_no_mapping_are_refused(name: str, value: Any):
    """The middleware updates the application's scope with them."""
    with pytest.raises(TypeError, match=name):
        Identity("42", **{name: value})


def test_repr_shows_who_and_no_more():
    """Identities are logged: no claims, session, user object, or ids of credentials."""
    shown = repr(
        Identity(
            "42",
            user="planted",
            session_id="planted",
            token_id="planted",
            claims={"a": "planted"},
            scope={"s": "planted"},
        )
    )
    assert "42" in shown
    assert "planted" not in shown


def test_it_can_be_taken_apart_pickled_and_put_into_a_set():
    """It is a value without secrets; applications keep it."""
    alice = Identity("42", claims={"a": 1}, scope={"session": {}})
    assert dataclasses.asdict(alice)["claims"] == {"a": 1}
    assert pickle.loads(pickle.dumps(alice)) == alice  # noqa: S301
    assert {alice, Identity("42", claims={"a": 1}, scope={"session": {}})} == {alice}
    with pytest.raises(dataclasses.FrozenInstanceError):
        alice.subject = "1"  # type: ignore[misc]


def test_two_identities_share_nothing():
    """What an application writes into one identity's entries does not show in another's."""
    assert Identity("1").scope is not Identity("2").scope
    assert Identity.anonymous().claims is not Identity.anonymous().claims
