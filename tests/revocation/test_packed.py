"""A record in few bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revocation.test_said import records
from wsauth.revocation import packed
from wsauth.revocation.record import Record, Verb
from wsauth.revocation.said import said_by

seconds = st.floats(0, 1e12)


@given(records, seconds, st.integers(0, 2**63), st.integers(0, 2**63))
def test_what_is_packed_comes_out_as_it_was(record, skew, number, place):
    """To the last bit of its times: it may have to be published again."""
    one = packed.placed(packed.numbered(packed.pack(said_by(record)[1], skew, 0, 0), number), place)
    assert one == packed.pack(said_by(record)[1], skew, number, place)
    assert packed.unpack(one) == record
    assert (packed.number(one), packed.place(one), packed.until(one)) == (number, place, record.until)
    assert (packed.name(one).hex(), packed.verb(one), packed.at(one)) == (record.id, record.verb, record.at)
    assert packed.is_named(one, bytes.fromhex(record.id))


@pytest.mark.parametrize(
    ("verb", "whom", "terms", "lapses"),
    [
        (Verb.REVOKE, {"subject": "alice"}, {}, 1600),
        (Verb.REVOKE, {"subject": "alice"}, {"after": 10.0, "spread": 5.0}, 1615),
        (Verb.REVOKE, {"session_id": "s"}, {}, 1300),
        (Verb.REVOKE, {"session_id": "s", "subject": "alice"}, {}, 1300),
        (Verb.REVOKE, {"subject": "alice"}, {"exact": True}, 1100),
        (Verb.BLOCK, {"subject": "alice"}, {}, 1100),
        (Verb.RECHECK, {"subject": "alice"}, {"after": 10.0}, 1100),
    ],
)
def test_when_it_lapses(verb, whom, terms, lapses):
    """A revocation as late as the last token that it is about, unless it says itself until when."""
    record = Record(verb, frozenset(whom.items()), 1000.0, 1100.0, **terms)
    assert packed.lapse(packed.pack(said_by(record)[1], -900.0, 1, 0), 600.0, 300.0) == lapses - 900
