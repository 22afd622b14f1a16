"""Whom a revocation names."""

import re

import pytest

from wsauth import Identity
from wsauth.revocation.selector import MAX_KEY, keys_of, match_of


def test_a_selector_is_all_of_its_keys():
    """Labels stand beside the kinds that every identity has."""
    match = match_of({"subject": "42", "session_id": "s", "labels": {"device": "phone"}})
    assert match == {("subject", "42"), ("session_id", "s"), ("device", "phone")}


@pytest.mark.parametrize(
    ("whom", "says"),
    [
        ({}, "name whom"),
        ({"labels": {}}, "name whom"),
        ({"subject": ""}, "subject must be"),
        ({"subject": 42}, "str\\(user.pk\\)"),
        ({"session_id": None}, "session_id must be"),
        ({"token_id": "x" * (MAX_KEY + 1)}, "at most 512"),
        ({"subjet": "42"}, "subjet is no selector"),
        ({"labels": "phone"}, "labels must be"),
        ({"labels": {"subject": "42"}}, "labels must be"),
        ({"labels": {"issuer": "i"}}, "labels must be"),
        ({"issuer": ""}, "issuer must be"),
        ({"labels": {"device": 1}}, "device must be"),
        ({"labels": {"": "phone"}}, "name of a label"),
        ({"labels": {"x" * (MAX_KEY + 1): "phone"}}, "name of a label"),
        ({"labels": {7: "phone"}}, "name of a label"),
        ({"labels": {str(n): "x" * MAX_KEY for n in range(6)}}, "3072 bytes"),
        ({"subject": "\N{PILE OF POO}" * MAX_KEY}, "3072 bytes"),
    ],
)
def test_an_odd_selector_is_an_error(whom, says):
    """It would match everybody, or nobody, or not fit into a record; the message says what to write."""
    with pytest.raises(ValueError, match=says):
        match_of(whom)


@pytest.mark.parametrize(
    ("whom", "ends"),
    [
        ({"subject": 42}, "as in Identity; write str(user.pk)"),
        ({"session_id": None}, "as in Identity; in Django write session_id(session_key)"),
        ({"token_id": None}, "a token without a jti has none: issue tokens with one, or revoke by subject"),
        ({"key_id": None}, "as in Identity"),
        ({"labels": {"device": 1}}, "as in Identity"),
        ({"labels": {7: "phone"}}, "as in Identity"),
    ],
)
def test_a_hint_is_about_the_selector_that_is_odd(whom, ends):
    """A user's primary key is no help to whoever has no token to name."""
    with pytest.raises(ValueError, match=re.escape(ends) + "$"):
        match_of(whom)


def test_an_identity_is_found_by_whatever_it_bears():
    """And by nothing else: an empty name is none."""
    identity = Identity("42", session_id="s", token_id="t", key_id="k", issuer="i", labels={"device": "phone"})
    assert set(keys_of(identity)) == {
        ("subject", "42"),
        ("session_id", "s"),
        ("token_id", "t"),
        ("key_id", "k"),
        ("issuer", "i"),
        ("device", "phone"),
    }
    assert keys_of(Identity("42", session_id="")) == (("subject", "42"),)
    assert keys_of(Identity.anonymous()) == ()


def test_a_label_makes_nobody_somebody_else():
    """What a verifier took from a token's claims must not stand in for the subject."""
    assert keys_of(Identity("42", labels={"subject": "43", "issuer": "i"})) == (("subject", "42"),)
