"""What is measured in process still fits what it measures."""

from benchmarks import measure

from wsauth.revocation.ending import SLICE


async def test_records_without_connections_are_ended_as_connections_are():
    """A few are told at once, many in slices."""
    for count in (SLICE, 3 * SLICE):
        figures = await measure.revoke_records(count)
        assert 0 < figures["seconds"] < 10
