"""What a reader sees the loss of entries by, state by state."""

from __future__ import annotations

import pytest

from wsauth.redis.commands import START, Entry, Stream
from wsauth.redis.place import Place
from wsauth.revocation.record import Record, Verb
from wsauth.revocation.records import Records
from wsauth.revocation.said import said_by


def entry(number: int, name: str = "", before: str = "") -> Entry:
    return Entry(b"%d-0" % number, (name or f"{number:032x}").encode(), before.encode(), b"", b"", b"")


def stream(oldest: int | None, newest: int | None, last: int, deleted: bytes = START, name: str = "") -> Stream:
    first = None if oldest is None else entry(oldest)
    return Stream(5, None, b"%d-0" % last, deleted, first, None if newest is None else entry(newest, name))


@pytest.fixture
def records():
    return Records(clock=lambda: 1000.0, monotonic=lambda: 0.0)


@pytest.fixture
def place(records):
    """Entries 5 to 9 have been read; 5 has lapsed meanwhile, the others count."""
    place = Place()
    for number in range(5, 10):
        until = 1001.0 if number == 5 else 2000.0
        record = Record(Verb.REVOKE, frozenset({("subject", str(number))}), 900.0, until, id=f"{number:032x}")
        place.move_past([entry(number)])
        place.take([(entry(number), said_by(record))], records, 0.0)
    return place


@pytest.mark.parametrize(
    ("seen", "word"),
    [
        (stream(5, 9, 9), None),
        (stream(5, 12, 12), None),  # there is more to read
        (stream(6, 9, 9), None),  # what has lapsed may go
        (stream(7, 9, 9), "trimmed"),
        (stream(None, None, 9), "trimmed"),
        (stream(5, 8, 8), "behind"),
        (stream(5, 9, 9, b"7-0"), "deleted"),
        (stream(5, 9, 9, name="another"), "another"),
        (stream(5, 9, 12), "went"),
        (None, "gone"),
    ],
)
def test_what_shows_a_loss(place, records, seen, word):
    """And what does not."""
    loss = place.loss(seen, records)
    assert loss is None if word is None else word in loss


def test_a_stream_that_never_was_is_not_lost(records):
    """The first process finds nothing, and is right."""
    assert Place().loss(None, records) is None
    assert Place().is_at_end(None)


def test_the_end_is_where_the_last_id_was_given_out(place):
    """Not where nothing was read for a while."""
    assert place.is_at_end(stream(5, 9, 9))
    assert not place.is_at_end(stream(5, 10, 10))


def test_a_record_that_is_added_again_counts_where_it_stands_last(place, records):
    """So what stands before it may go."""
    (six,) = (record for record in records.live() if record.id.endswith("6"))
    (taken,) = place.take([(entry(10), said_by(six))], records, 0.0)
    assert not taken.is_new
    assert place.oldest_needed(records, 1006.0) == b"7-0"


def test_what_is_kept_when_the_stream_is_trimmed(place, records):
    """Everything from the first record on that counts; all but the last entry where none does."""
    assert place.trim(records, 1002.0) == b"6-0"
    assert len(place) == 4
    assert place.trim(records, 3000.0) == b"9-0"


def test_what_cannot_be_read_is_kept_for_a_day(place, records):
    """Nobody here knows when it lapses."""
    place.has_unread = True
    assert place.trim(records, 86400.0 + 0.0075) == b"7-0"
    assert place.trim(records, 86400.0 + 0.0055) == b"5-0"


def test_entries_that_came_and_went_unread_are_counted():
    """A stranger's entry after them names nothing before it, so no chain would tell."""
    place, records = Place(), Records()
    place.begin(Stream(3, 13, b"3-0", START, entry(1), entry(3)), records)
    for name in range(1, 4):
        place.move_past([entry(name)])
    whole = Stream(3, 13, b"3-0", START, entry(1), entry(3))
    assert place.loss(whole, records) is None, "ten were there and gone before"
    assert place.loss(whole, records) is None
    assert place.loss(whole._replace(added=14), records) == "entries went before they were read"
    assert place.loss(whole._replace(added=None), records) is None, "before Redis 7 nothing counts"


def test_what_a_pass_has_brought_is_all_that_counts_where_nothing_was_known_before(place, records):
    """A record that came from elsewhere, or had come before, may not be in the stream."""
    fresh, known = Place(), Records(clock=lambda: 1000.0, monotonic=lambda: 0.0)
    fresh.begin(None, known)
    every = [said_by(one) for one in records.live()]
    for number, said in enumerate(every, 1):
        assert fresh.brought_all(known)
        fresh.take([(entry(number), said)], known, 0.0)
    fresh.take([(entry(9), every[0])], known, 0.0)  # again
    assert fresh.brought_all(known)
    known.apply(Record(Verb.BLOCK, frozenset({("subject", "bob")}), 900.0, 2000.0))
    assert not fresh.brought_all(known)
    again = Place()
    again.begin(None, known)
    again.take([(entry(number), said) for number, said in enumerate(every, 1)], known, 0.0)
    assert not again.brought_all(known)
