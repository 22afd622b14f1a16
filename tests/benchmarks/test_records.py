"""What measures many revocations still fits the reader that it measures."""

from __future__ import annotations

from benchmarks import records

from wsauth.redis.commands import PAGE


async def test_records_are_taken_in_as_the_reader_does():
    """In few bytes each, and all of them."""
    found = await records.held(4 * PAGE)
    assert 100 < found["bytes"] < 250
    assert (await records.taken(2 * PAGE)).keys() == {"cpu", "turn", "outlast", "lapse"}
