"""What a record says, in bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsauth import Reason
from wsauth.revocation.record import Record, Verb
from wsauth.revocation.said import read, record_of, reply_of, said_by
from wsauth.revocation.selector import KINDS

text = st.text(min_size=1, max_size=20)
value = text | st.uuids().map(str) | st.binary(min_size=16, max_size=32).map(bytes.hex)
match = st.dictionaries(st.sampled_from(KINDS) | text, value, min_size=1, max_size=3)
seconds = st.floats(0, 1e12)
records = st.builds(
    Record,
    verb=st.sampled_from(Verb),
    match=match.map(lambda match: frozenset(match.items())),
    at=seconds,
    until=seconds,
    after=st.just(0.0) | seconds,
    spread=st.just(0.0) | seconds,
    reason=st.sampled_from(Reason),
    reply=st.just("") | text,
    exact=st.booleans(),
)


@given(records)
def test_what_is_said_is_all_of_the_record(record):
    """To the last bit of its times."""
    _, said = said_by(record)
    assert record_of(said) == record
    assert reply_of(said) == record.reply


@given(
    st.sampled_from(Verb),
    st.sampled_from(["subject", "session_id", "token_id", "key_id", "device", "issuer"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=130), min_size=1, max_size=9) | value,
    st.floats(0, 2e9),
    st.sampled_from(Reason),
    st.booleans(),
)
def test_the_usual_body_is_read_as_any_other(verb, kind, value, at, reason, exact):
    """There is a way that is ten times as fast, and takes nothing that the other would not take."""
    record = Record(verb, frozenset({(kind, value)}), at, at + 60, reason=reason, exact=exact)
    unusual = record.encode().replace(b'"v":', b'"v": ')
    assert Record.decode(unusual) == record
    assert read(record.encode()) == read(unusual) == said_by(record)


@given(records)
def test_what_is_sent_is_read(record):
    """Whatever it is about."""
    assert read(record.encode()) == said_by(record)


@pytest.mark.parametrize(
    "change", [(b'"revoke"', b'"Revoke"'), (b"REVOKED", b"NOTHING"), (b'"v":1', b'"v":3'), (b"subject", b"")]
)
def test_what_is_no_usual_body_is_refused(change):
    """As every other that is no record."""
    body = Record(Verb.REVOKE, frozenset({("subject", "alice")}), 1.5, 2.5).encode().replace(*change)
    with pytest.raises(ValueError):
        read(body)
