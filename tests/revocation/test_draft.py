"""What a caller asks of a verb."""

import pytest

from wsauth import Reason
from wsauth.revocation.draft import Draft
from wsauth.revocation.record import BRIEF, HANDSHAKE, MAX_AGE, Verb
from wsauth.revocation.records import Records
from wsauth.testing import FakeClock

NOW = 1_800_000_000.0


@pytest.fixture
def records():
    records = Records(FakeClock(NOW))
    records.outlast(86400.0)
    return records


def test_a_draft_is_stamped_by_the_log(records):
    """It counts from the log's time, and is kept beyond the last connection that it ends."""
    draft = Draft.of(Verb.REVOKE, {"subject": "alice", "after": 10, "spread": 5.0, "receipt": 2}, records)
    record = draft(NOW + 3)
    assert (record.verb, record.match, record.reason) == (Verb.REVOKE, {("subject", "alice")}, Reason.REVOKED)
    assert (record.at, record.after, record.spread, draft.receipt) == (NOW + 3, 10, 5, 2)
    assert record.until == NOW + 3 + 10 + 5 + 86400


def test_each_stamp_makes_another_record(records):
    """Who publishes twice is heard twice."""
    draft = Draft.of(Verb.REVOKE, {"subject": "alice"}, records)
    assert draft(NOW).id != draft(NOW).id


@pytest.mark.parametrize(
    ("verb", "whom", "held"),
    [
        (Verb.REVOKE, {"subject": "alice"}, 86400),
        (Verb.REVOKE, {"token_id": "t"}, 86400),
        (Verb.REVOKE, {"session_id": "s"}, BRIEF),
        (Verb.REVOKE, {"session_id": "s", "subject": "alice"}, BRIEF),
        (Verb.DISCONNECT, {"subject": "alice"}, BRIEF),
        (Verb.RECHECK, {"subject": "alice"}, HANDSHAKE),
    ],
)
def test_a_record_is_kept_while_something_can_be_held_against_it(records, verb, whom, held):
    """As long as tokens live; where no token is meant, as long as a process may be cut off."""
    assert Draft.of(verb, whom, records)(NOW).until == NOW + held


def test_tokens_that_name_a_session_outlive_its_revocation_too(records):
    """So it is kept for them, as soon as one has been seen."""
    records.outlast(7200.0, bears_session=True)
    assert Draft.of(Verb.REVOKE, {"session_id": "s"}, records)(NOW).until == NOW + 7200
    assert Draft.of(Verb.REVOKE, {"subject": "alice"}, records)(NOW).until == NOW + 86400


def test_a_block_holds_until_it_is_said(records):
    """At most 31 days."""
    for until in (NOW + 1, NOW + MAX_AGE):
        draft = Draft.of(Verb.BLOCK, {"subject": "alice"}, records, until=until)
        assert (draft(NOW).until, draft(NOW).reason) == (until, Reason.FORBIDDEN)


@pytest.mark.parametrize("until", [NOW, NOW - 1, NOW + MAX_AGE + 1, 3600, True, "tomorrow", float("nan"), float("inf")])
def test_an_odd_end_is_an_error(records, until):
    """Seconds from now are not POSIX seconds."""
    with pytest.raises(ValueError, match="write POSIX seconds"):
        Draft.of(Verb.BLOCK, {"subject": "alice"}, records, until=until)


@pytest.mark.parametrize("name", ["after", "spread", "receipt"])
@pytest.mark.parametrize("value", [-1, 3601, True, "1", None, float("nan"), float("inf")])
def test_odd_seconds_are_an_error(records, name, value):
    """The message says what to write."""
    with pytest.raises(ValueError, match=f"{name}=.*from 0 to 3600"):
        Draft.of(Verb.REVOKE, {"subject": "alice", name: value}, records)


def test_a_reason_is_one_of_the_vocabulary(records):
    """A text would not say which code to close with."""
    with pytest.raises(ValueError, match="write a member of Reason"):
        Draft.of(Verb.REVOKE, {"subject": "alice", "reason": "left the company"}, records)
    assert Draft.of(Verb.REVOKE, {"subject": "a", "reason": Reason.REPLACED}, records)(NOW).reason is Reason.REPLACED


def test_whom_must_be_named(records):
    """Whatever else is."""
    with pytest.raises(ValueError, match="name whom"):
        Draft.of(Verb.REVOKE, {"after": 3}, records)
