"""Errors are split by whose fault they are, and carry what the answer needs."""

from __future__ import annotations

from typing import Any

import pytest

from wsauth.core.errors import ConfigurationError, ConnectionEnded, InvalidCredentials, VerifierUnavailable
from wsauth.core.reasons import Reason


def test_invalid_credentials_are_invalid_unless_they_say_more():
    """The reason decides what the client is told."""
    assert InvalidCredentials().reason is Reason.INVALID
    assert InvalidCredentials("too old", Reason.EXPIRED).reason is Reason.EXPIRED
    assert InvalidCredentials("too old").detail == str(InvalidCredentials("too old")) == "too old"


@pytest.mark.parametrize("kind", [InvalidCredentials, VerifierUnavailable])
def test_detail_is_text_whatever_was_raised_with(kind: type[InvalidCredentials | VerifierUnavailable]):
    """`raise InvalidCredentials(error)` refuses, rather than fail where the refusal is logged."""
    assert kind(ValueError("too old")).detail == "too old"  # type: ignore[arg-type]


@pytest.mark.parametrize("reason", ["expired", 401, None])
def test_reason_outside_the_table_is_refused_where_it_is_written(reason: Any):
    """A verifier that invents a reason fails there, and so refuses, rather than in the middle of an answer."""
    with pytest.raises(TypeError, match=r"Reason\.EXPIRED"):
        InvalidCredentials("", reason)


@pytest.mark.parametrize(("given", "kept"), [(5, 5), (2.9, 2), (0, 1), (-3, 1), (0.2, 1)])
def test_retry_after_is_a_positive_number_of_whole_seconds(given: float, kept: int):
    """RFC 9110 §10.2.3: Retry-After is a non-negative decimal integer."""
    assert VerifierUnavailable("down", given).retry_after == kept


def test_connection_ended_is_an_os_error():
    """ASGI 2.4: send on a closed connection raises an OSError, which frameworks know."""
    assert issubclass(ConnectionEnded, OSError)


def test_whose_fault_it_is_never_overlaps():
    """Catching one kind catches no other."""
    kinds = [ConfigurationError, InvalidCredentials, VerifierUnavailable, ConnectionEnded]
    assert not any(issubclass(one, other) for one in kinds for other in kinds if one is not other)
