from __future__ import annotations

from wsauth import CloseProfile
from wsauth.asyncapi.closing import close_codes


def codes(*profiles):
    return {(row["reason"], row.get("code")) for row in close_codes(profiles)}


def test_the_codes_are_those_of_the_profile():
    """A page of another site is told no code."""
    assert ("expired", 4440) in codes(CloseProfile())
    assert ("expired", 3000) in codes(CloseProfile.iana())
    assert ("foreign-origin", None) in codes(CloseProfile())


def test_several_profiles_give_every_code_that_can_come():
    """And each once."""
    both = close_codes([CloseProfile(), CloseProfile({4401: 4003})])
    assert [row["code"] for row in both if row["reason"] == "missing"] == [4401, 4003]
    assert [row["code"] for row in both if row["reason"] == "expired"] == [4440]


def test_each_row_says_what_to_do():
    """In the words of the table of reasons."""
    [row] = [row for row in close_codes([CloseProfile()]) if row["reason"] == "too-many"]
    assert row == {
        "code": 4429,
        "reason": "too-many",
        "text": "too many connections",
        "status": 429,
        "advice": "back off",
    }
