"""What a record does, rule by rule."""

import pytest

from revocation.live import Socket
from wsauth import Identity
from wsauth.revocation.record import Record, Verb
from wsauth.revocation.rules import casts_doubt, ends, refuses

AT = 1000.7


def record(verb):
    return Record(verb, frozenset({("subject", "alice")}), AT, AT + 100)


@pytest.mark.parametrize(
    ("issued_at", "refused"),
    [
        (None, True),
        (0, True),
        (1000, True),
        (1000.9, True),
        (1001, False),
        (10**400, False),
        (float("inf"), False),
        (float("-inf"), True),
    ],
)
def test_a_token_issued_up_to_a_revocation_is_refused(issued_at, refused):
    """In whole seconds: a token of the same second is not newer."""
    identity = Identity("alice", issued_at=issued_at)
    assert refuses(record(Verb.REVOKE), identity, stateful=False) is refused
    assert ends(record(Verb.REVOKE), Socket(issued_at=issued_at, since=AT + 50), AT + 100) is refused


def test_an_issuer_may_be_ahead():
    """What it issued in its own future counts as issued before."""
    token = Identity("alice", issued_at=1003)
    assert not refuses(record(Verb.REVOKE), token, stateful=False, issuer_ahead=2.0)
    assert refuses(record(Verb.REVOKE), token, stateful=False, issuer_ahead=3.0)
    assert ends(record(Verb.REVOKE), Socket(issued_at=1003), AT, issuer_ahead=3.0)


@pytest.mark.parametrize("stateful", [True, False])
@pytest.mark.parametrize("verb", Verb)
def test_what_is_refused_whatever_the_token(verb, stateful):
    """A block refuses everybody, and no record but a revocation and a block refuses anybody."""
    newer = Identity("alice", issued_at=AT + 50)
    assert refuses(record(verb), newer, stateful=stateful) is (verb is Verb.BLOCK)
    older = Identity("alice", issued_at=0)
    assert refuses(record(verb), older, stateful=stateful) is (
        verb is Verb.BLOCK or (verb is Verb.REVOKE and not stateful)
    )


@pytest.mark.parametrize(
    ("verb", "stateful", "doubt"),
    [
        (Verb.REVOKE, True, True),
        (Verb.REVOKE, False, False),
        (Verb.RECHECK, True, True),
        (Verb.RECHECK, False, True),
        (Verb.DISCONNECT, True, False),
        (Verb.DISCONNECT, False, False),
        (Verb.BLOCK, True, False),
    ],
)
def test_what_makes_a_handshake_verify_once_more(verb, stateful, doubt):
    """Whatever a store may say differently since."""
    assert casts_doubt(record(verb), stateful=stateful) is doubt


@pytest.mark.parametrize(
    ("verb", "stateful", "since", "ended"),
    [
        (Verb.REVOKE, True, AT, True),
        (Verb.REVOKE, True, AT + 0.1, False),
        (Verb.REVOKE, False, AT, True),
        (Verb.REVOKE, False, AT + 50, True),  # without an issue time
        (Verb.DISCONNECT, True, AT, True),
        (Verb.DISCONNECT, False, AT, True),
        (Verb.DISCONNECT, True, AT + 0.1, False),
        (Verb.DISCONNECT, False, AT + 0.1, False),
        (Verb.BLOCK, True, AT + 50, True),
        (Verb.BLOCK, False, AT + 50, True),
        (Verb.RECHECK, True, AT - 50, False),
        (Verb.RECHECK, False, AT - 50, False),
    ],
)
def test_which_connection_ends(verb, stateful, since, ended):
    """Those that stand before the record, and whoever is blocked."""
    assert ends(record(verb), Socket(stateful=stateful, since=since), AT + 100) is ended


@pytest.mark.parametrize(("since", "ended"), [(AT, True), (AT + 0.1, False)])
def test_a_connection_ends_that_stands_already_whatever_its_issuers_clock_said(since, ended):
    """What was verified before the revocation was issued before it, also by a clock that runs ahead."""
    assert ends(record(Verb.REVOKE), Socket(since=since, issued_at=AT + 5), AT + 10) is ended


@pytest.mark.parametrize("verb", [Verb.REVOKE, Verb.DISCONNECT])
@pytest.mark.parametrize("stateful", [False, True])
def test_a_connection_from_before_the_clock_was_put_back_ends(verb, stateful):
    """By its clock it is younger than a record that comes after it."""
    assert ends(record(verb), Socket(stateful=stateful, since=AT + 5, issued_at=AT + 5), AT)
