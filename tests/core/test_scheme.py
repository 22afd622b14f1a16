"""One way to prove who one is: a name, where the credential travels, and what proves it."""

from __future__ import annotations

from typing import Any

import pytest

from core.handshakes import handshake_of, scope_of
from wsauth.core.credentials import Credentials
from wsauth.core.errors import ConfigurationError
from wsauth.core.first_message import FirstMessage
from wsauth.core.handshake import Handshake
from wsauth.core.identity import Identity
from wsauth.core.locations import Cookie, Header, Query, Subprotocol
from wsauth.core.scheme import SecurityScheme


async def verify(credentials: Credentials) -> Identity | None:
    return Identity(credentials.secret)


class Stored:
    stateful = True
    key = "planted"

    def __repr__(self) -> str:
        return f"Stored({self.key})"

    async def verify(self, credentials: Credentials, handshake: Handshake) -> Identity | None:
        return None


@pytest.mark.parametrize(
    ("location", "ambient"),
    [(Query(), False), (Header(), False), (Subprotocol(), False), (FirstMessage(), False), (Cookie("jwt"), True)],
)
def test_only_what_a_browser_sends_by_itself_is_ambient(location: Any, ambient: bool):
    """A cookie goes along for any page that asks; the rest is put there by the client's own code."""
    assert SecurityScheme("one", location, verify).ambient is ambient


def test_a_scheme_reads_and_strips_as_its_location_does():
    """The scheme adds a name and a proof, nothing else."""
    scheme = SecurityScheme("one", Query("token"), verify)
    credentials = scheme.read(handshake_of(query="token=a"))
    assert credentials is not None
    assert credentials.secret == "a"
    scope = scope_of(query="token=a&b=1")
    scheme.strip(scope)
    assert scope["query_string"] == b"b=1"


async def test_a_function_becomes_a_verifier():
    """`verifier=` takes an async function of the credentials."""
    scheme = SecurityScheme("one", Query(), verify)
    assert await scheme.proof.verify(Credentials("a"), Handshake("/")) == Identity("a")
    assert not scheme.stateful


def test_a_verifier_says_whether_it_asks_a_store():
    """Stateless unless it says otherwise: a revocation is then held against what it proves."""
    assert SecurityScheme("one", Query(), Stored()).stateful


def test_the_repr_shows_no_verifier():
    """A verifier of the application's own may show its keys."""
    assert "planted" not in repr(SecurityScheme("one", Query(), Stored()))


@pytest.mark.parametrize("name", ["", "a b", "a/b", "\xf6", "a\n", None, 5, Query()])
def test_a_name_that_no_document_can_hold_is_refused(name: Any):
    """AsyncAPI 3: keys under components match ^[a-zA-Z0-9._-]+$."""
    with pytest.raises(ConfigurationError, match="letters, digits"):
        SecurityScheme(name, Query(), verify)


@pytest.mark.parametrize(
    ("location", "found"), [(Query, "is Query"), ("token", "is str"), (None, "is NoneType"), (verify, "is verify")]
)
def test_a_location_that_is_none_says_what_to_write(location: Any, found: str):
    """A class in the place of an instance, or verifier and location swapped, does not start."""
    with pytest.raises(ConfigurationError, match=rf"SecurityScheme\('one', ...\).*{found}.*Query\(\"token\"\)"):
        SecurityScheme("one", location, verify)


def test_a_verifier_that_is_none_names_the_scheme():
    """The message says which scheme it is about."""
    with pytest.raises(ConfigurationError, match=r"SecurityScheme\('one', ...\)"):
        SecurityScheme("one", Query(), lambda credentials: None)  # type: ignore[arg-type,return-value]
