"""A module whose policy cannot be built."""

from __future__ import annotations

from wsauth import Policy

policy = Policy([])
