"""What travels between processes."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsauth import Reason
from wsauth.revocation.record import MAX_BODY, Record, UnknownVersion, Verb

text = st.text(min_size=1, max_size=20)
seconds = st.floats(0, 1e12)
records = st.builds(
    Record,
    verb=st.sampled_from(Verb),
    match=st.dictionaries(text, text, min_size=1, max_size=3).map(lambda match: frozenset(match.items())),
    at=seconds,
    until=seconds,
    after=seconds,
    spread=seconds,
    reason=st.sampled_from(Reason),
    reply=st.text(max_size=20),
    exact=st.booleans(),
)
body = {
    "v": 1,
    "id": "0" * 32,
    "verb": "revoke",
    "match": {"subject": "alice"},
    "at": 1.5,
    "until": 2,
    "reason": "REVOKED",
}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(records)
def test_what_is_sent_is_what_arrives(record):
    """To the last bit of its times: other processes compare with them."""
    assert Record.decode(record.encode()) == record


@given(st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_what_is_no_record_raises_value_error(found):
    """And nothing else: one odd entry must not end the reader."""
    with pytest.raises(ValueError):
        Record.decode(found)


@given(st.sampled_from([*body, "after", "spread", "reply"]), json_values)
def test_a_record_with_an_odd_field_is_read_or_raises_value_error(field, value):
    """Whatever the field holds."""
    try:
        record = Record.decode(json.dumps({**body, field: value}).encode())
    except ValueError:
        return
    assert record.match
    assert min(record.at, record.until, record.after, record.spread) >= 0


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"v": 2}, UnknownVersion),
        ({"verb": "exile"}, UnknownVersion),
        ({"reason": "BORED"}, UnknownVersion),
        ({"verb": None}, ValueError),
        ({"match": {}}, ValueError),
        ({"match": {"subject": ""}}, ValueError),
        ({"match": {"": "alice"}}, ValueError),
        ({"match": ["subject"]}, ValueError),
        ({"at": True}, ValueError),
        ({"at": -1}, ValueError),
        ({"until": 10**300}, ValueError),
        ({"until": None}, ValueError),
        ({"id": "0" * 31}, ValueError),
        ({"id": "G" * 32}, ValueError),
        ({"reply": 7}, ValueError),
        ({"reply": "x" * 513}, ValueError),
    ],
)
def test_an_odd_record_is_told_from_one_of_a_later_version(change, error):
    """The first is skipped. The second may end something, so it counts as a gap."""
    with pytest.raises(ValueError) as raised:
        Record.decode(json.dumps({**body, **change}).encode())
    assert raised.type is error


def test_a_record_that_names_an_issuer_is_of_another_version():
    """A process that knows no issuers would match nobody by it, and take that for enforced."""
    record = Record(Verb.REVOKE, frozenset({("subject", "1"), ("issuer", "i")}), 1.0, 2.0)
    sent = json.loads(record.encode())
    assert sent["v"] == 2
    assert Record.decode(record.encode()) == record
    with pytest.raises(UnknownVersion):
        Record.decode(json.dumps({**sent, "v": 1}).encode())


def test_a_record_of_a_later_version_may_look_different():
    """Its version is read before anything else of it."""
    with pytest.raises(UnknownVersion):
        Record.decode(b'{"v": 2, "who": "alice"}')


def test_a_body_has_an_end():
    """4 KiB, for who writes and for who reads."""
    with pytest.raises(ValueError, match="4096"):
        Record(Verb.REVOKE, frozenset({("subject", "x" * MAX_BODY)}), 0, 1).encode()
    with pytest.raises(ValueError, match="too long"):
        Record.decode(json.dumps(body).encode() + b" " * MAX_BODY)


def test_a_time_that_is_no_number_is_not_sent():
    """Nobody could read it."""
    with pytest.raises(ValueError):
        Record(Verb.REVOKE, frozenset({("subject", "alice")}), 0, float("inf")).encode()


def test_each_record_has_an_id_of_its_own():
    """128 bits of chance: two processes never give the same."""
    ids = {Record(Verb.REVOKE, frozenset({("subject", "alice")}), 0, 1).id for _ in range(100)}
    assert len(ids) == 100
    assert all(len(bytes.fromhex(name)) == 16 for name in ids)


@pytest.mark.parametrize(
    ("change", "covers"),
    [
        ({}, True),
        ({"at": 9.0}, True),
        ({"until": 19.0}, True),
        ({"after": 61.0}, True),
        ({"after": 59.0}, False),
        ({"after": 30.0, "spread": 30.0}, True),
        ({"at": 11.0}, False),
        ({"until": 21.0}, False),
        ({"verb": Verb.BLOCK}, False),
        ({"match": frozenset({("subject", "bob")})}, False),
        ({"match": frozenset({("subject", "alice"), ("session_id", "s")})}, False),
        ({"reason": Reason.FORBIDDEN}, False),
    ],
)
def test_a_record_covers_what_is_held_for_less(change, covers):
    """Only of the same verb, selector and reason, as early or earlier, for no longer, and no sooner for the connected."""
    alice = Record(Verb.REVOKE, frozenset({("subject", "alice")}), at=10.0, until=20.0, after=60.0)
    assert alice.covers(replace(alice, **change)) is covers
