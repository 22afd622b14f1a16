"""The policies: all share one log. `signals` is to hear of everything, `rechecks` looks for itself every 1.5 seconds."""

from __future__ import annotations

import os

from nodes.apps.settings import RECHECK_EVERY, SECRET_KEY
from wsauth import Connections, Policy, Query, SecurityScheme, starlette
from wsauth.django import DRFTokenVerifier, SessionCookie, SessionVerifier, SimpleJWTVerifier, UserVerifier
from wsauth.revocation.log import MemoryLog, RevocationLog
from wsauth.verifiers.jwt import JWTVerifier


def _log() -> RevocationLog:
    match os.environ["NODES_LOG"]:
        case "database":
            from wsauth.django import DatabaseLog

            return DatabaseLog()
        case "memory":
            return MemoryLog()
        case url:
            from wsauth.redis import RedisLog

            return RedisLog(url, secrets=[SECRET_KEY])


log = _log()


def _policy(recheck_every: float) -> Policy:
    schemes = [
        SecurityScheme("session", SessionCookie(), SessionVerifier()),
        SecurityScheme("drf", Query("drf"), DRFTokenVerifier()),
        SecurityScheme("simplejwt", Query("simplejwt"), SimpleJWTVerifier()),
        SecurityScheme("jwt", Query("jwt"), UserVerifier(JWTVerifier(SECRET_KEY, algorithms=["HS256"]))),
    ]
    return Policy(schemes, recheck_every=recheck_every, connections=Connections(log=log))


signals = _policy(3600.0)
rechecks = _policy(RECHECK_EVERY)
fastapi = Policy(
    [
        SecurityScheme("session", starlette.SessionCookie(), starlette.SessionVerifier(SECRET_KEY)),
        SecurityScheme("jwt", Query("jwt"), JWTVerifier(SECRET_KEY, algorithms=["HS256"])),
    ],
    connections=Connections(log=log),
)
