"""The profile translates codes, and only into codes that can be sent everywhere."""

from __future__ import annotations

from typing import Any

import pytest

from wsauth.core.close_profile import CloseProfile
from wsauth.core.errors import ConfigurationError
from wsauth.core.reasons import Reason


@pytest.mark.parametrize("profile", [CloseProfile(), CloseProfile.iana(), CloseProfile({4401: 4003, 4440: 4003})])
def test_every_code_of_every_profile_can_be_sent_everywhere(profile: CloseProfile):
    """RFC 6455 §7.4.2; daphne leaves the socket open on 1001-1015, and servers put 999 and 5000 on the wire."""
    assert all(3000 <= profile.code(reason) <= 4999 for reason in Reason)


def test_the_iana_profile_uses_the_registered_codes():
    """3000 Unauthorized, 3003 Forbidden and 3008 Timeout; the rest keeps its own."""
    codes = {reason.name: CloseProfile.iana().code(reason) for reason in Reason}
    assert codes["MISSING"] == codes["INVALID"] == codes["EXPIRED"] == codes["REVOKED"] == 3000
    assert codes["FORBIDDEN"] == codes["FOREIGN_ORIGIN"] == 3003
    assert codes["TIMEOUT"] == 3008
    assert codes["UNAVAILABLE"] == 4503


def test_a_table_of_ones_own_changes_what_it_names():
    """A client library that knows 4003 only gets 4003 for all of it."""
    profile = CloseProfile({4401: 4003})
    assert profile.code(Reason.INVALID) == 4003
    assert profile.code(Reason.EXPIRED) == 4440


def test_a_profile_does_not_change_with_the_table_it_was_made_from():
    """A profile is a value."""
    table = {4401: 4003}
    profile = CloseProfile(table)
    table[4401] = 999
    assert profile.code(Reason.INVALID) == 4003
    assert profile == CloseProfile({4401: 4003})
    with pytest.raises(TypeError):
        profile.codes[4401] = 999  # type: ignore[index]


@pytest.mark.parametrize("code", [0, 999, 1000, 1005, 1006, 1011, 1015, 2999, 5000, "4003", 4003.0, None, -1])
def test_a_code_that_cannot_be_sent_is_refused_at_start_up(code: Any):
    """Rows of codes that raise on one server and reach the wire on another never start."""
    with pytest.raises(ConfigurationError, match="3000-4999"):
        CloseProfile({4401: code})


@pytest.mark.parametrize("unknown", [4000, "4401", 1000, Reason.INVALID])
def test_a_code_that_wsauth_never_sends_is_refused_at_start_up(unknown: Any):
    """A typing error in the table would otherwise change nothing, in silence."""
    with pytest.raises(ConfigurationError, match="4401"):
        CloseProfile({unknown: 4003})


@pytest.mark.parametrize("table", [4003, "iana", [4401], None])
def test_a_profile_that_is_no_table_says_what_to_write(table: Any):
    """The message holds the line to write."""
    with pytest.raises(ConfigurationError, match=r"CloseProfile\.iana\(\)"):
        CloseProfile(table)
