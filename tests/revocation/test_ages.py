"""The oldest of many moments."""

from __future__ import annotations

from wsauth.revocation.ages import Ages


def test_the_oldest_is_known_to_the_minute():
    """Whatever comes and goes."""
    ages = Ages()
    assert ages.oldest() is None
    for moment in (130.0, 61.0, 119.0, 5000.0):
        ages.come(moment)
    assert ages.oldest() == 60.0
    ages.go(61.0)
    assert ages.oldest() == 60.0
    ages.go(119.0)
    assert ages.oldest() == 120.0
    for moment in (130.0, 5000.0):
        ages.go(moment)
    assert ages.oldest() is None
