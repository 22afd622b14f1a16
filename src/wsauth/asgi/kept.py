"""What a connection keeps of the context of its handshake, so that its re-checks ask as the handshake asked."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from wsauth.core.bystanders import is_of_a_request
from wsauth.core.context import Variables, ignoring, present

if TYPE_CHECKING:
    from wsauth.policy import Policy

logger = logging.getLogger("wsauth")

MOST = 100  # variables that are told of

_told: set[ContextVar[Any]] = set()


def kept(policy: Policy) -> Variables:
    """Return what the present context holds but for what the policy ignores. Warns once of each that holds a request."""
    with ignoring(policy.ignored):
        variables = present()
    for variable, value in variables:
        if is_of_a_request(value) and variable not in _told and len(_told) < MOST:
            _told.add(variable)
            _warn(variable, value)
    return variables


def _warn(variable: ContextVar[Any], value: Any) -> None:
    logger.warning(
        "the ContextVar %r holds a %s, which is kept for the re-checks as long as its connection lives, and each is"
        " looked up alone; where it makes no difference to who somebody is, write Policy(context_ignores=[%s])",
        variable.name,
        type(value).__name__,
        variable.name,
    )
