"""Which rows have been read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wsauth.django.seen import Seen

rows = st.lists(st.tuples(st.integers(1, 20), st.sampled_from([1.0, 2.0])))


@given(rows)
def test_it_holds_the_last_row_of_each_id(added):
    """Whatever the order in which they are committed."""
    seen = Seen()
    for row in added:
        seen.add(row)
    last = dict(added)
    assert (len(seen), seen.newest) == (len(last), max(last, default=0))
    assert all(((pk, until) in seen) == (last.get(pk) == until) for pk in range(22) for until in (1.0, 2.0))
