"""A clock that is none is refused where it is written, by whoever takes one."""

from __future__ import annotations

import time
from typing import Any

import pytest

from wsauth import ConfigurationError, Connections, Policy, Query, SecurityScheme, WebSocketAuthMiddleware
from wsauth.core.credentials import Credentials
from wsauth.core.identity import Identity
from wsauth.verifiers.jwks import JWKS
from wsauth.verifiers.jwt import JWTVerifier

KEY = "a secret of the tests that nobody has guessed yet"


async def application(scope: Any, receive: Any, send: Any) -> None: ...


async def verify(credentials: Credentials) -> Identity | None:
    return None


async def later() -> float:
    return 0.0


TAKERS = {
    "Connections": lambda clock: Connections(clock=clock),
    "JWTVerifier": lambda clock: JWTVerifier(KEY, ["HS256"], clock=clock),
    "JWKS": lambda clock: JWKS("https://id.example.com/jwks.json", clock=clock),
    "WebSocketAuthMiddleware": lambda clock: WebSocketAuthMiddleware(
        application, Policy([SecurityScheme("one", Query(), verify)]), clock=clock
    ),
}


@pytest.mark.parametrize("clock", [None, 5, "now", time.time(), later], ids=["None", "int", "str", "float", "async"])
@pytest.mark.parametrize("name", TAKERS)
def test_a_clock_that_cannot_be_read_is_refused(name: str, clock: Any):
    """Each handshake would fail; `clock=time.time()` is the moment at which it was written."""
    with pytest.raises(ConfigurationError, match=rf"{name}\(clock=...\) is .* write a function .* clock=time.time$"):
        TAKERS[name](clock)
    TAKERS[name](time.time)
