"""A decision is a value."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from wsauth.core.decision import Allow, Deny
from wsauth.core.identity import Identity
from wsauth.core.reasons import Reason


def test_equal_decisions_are_equal():
    """Decisions are compared by what they say."""
    assert Allow(Identity("42")) == Allow(Identity("42"))
    assert Deny(Reason.INVALID, "why") == Deny(Reason.INVALID, "why")
    assert Deny(Reason.INVALID) != Deny(Reason.EXPIRED)


def test_a_decision_does_not_change():
    """What the policy decided is what the middleware enforces."""
    with pytest.raises(FrozenInstanceError):
        Deny(Reason.INVALID).reason = Reason.MISSING  # type: ignore[misc]
