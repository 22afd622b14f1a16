"""Connecting as somebody in the tests of an application."""

from dataclasses import dataclass

import pytest

from wsauth import Cookie, Handshake, Identity, Policy, SecurityScheme
from wsauth.core.decision import Allow, Deny
from wsauth.testing import acting_as, browser_headers


async def nobody(credentials):
    return None


POLICY = Policy([SecurityScheme("session", Cookie("sessionid"), nobody)])


@dataclass
class User:
    pk: int


async def test_within_the_block_every_handshake_is_theirs():
    """The decision names the identity and a scheme of the policy; afterwards the policy decides as before."""
    with acting_as(POLICY, Identity("alice")) as identity:
        assert await POLICY.decide(Handshake("/")) == Allow(identity, POLICY.schemes[0])
    assert isinstance(await POLICY.decide(Handshake("/")), Deny)


async def test_a_user_becomes_the_identity_with_its_primary_key():
    """A Django user can be handed in as it is."""
    user = User(pk=42)
    with acting_as(POLICY, user) as identity:
        assert (identity.subject, identity.user) == ("42", user)


async def test_an_exception_in_the_block_restores_the_policy():
    """A failing test does not open the door for the next one."""
    with pytest.raises(ZeroDivisionError), acting_as(POLICY, Identity("alice")):
        _ = 1 / 0
    assert isinstance(await POLICY.decide(Handshake("/")), Deny)


@pytest.mark.parametrize(
    ("policy", "who", "instead"), [(object(), Identity("a"), "Policy"), (POLICY, "alice", "Identity")]
)
def test_a_mix_up_says_what_to_write(policy, who, instead):
    """The two arguments are easily confused with an application and a name."""
    with pytest.raises(TypeError, match=instead), acting_as(policy, who):
        pass


def test_browser_headers_name_the_same_host():
    """They are what SameHost admits."""
    assert browser_headers("app.example.com", secure=True) == {
        "host": "app.example.com",
        "origin": "https://app.example.com",
    }
    assert browser_headers()["origin"] == "http://testserver"
