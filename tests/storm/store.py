"""What the nodes believe: sessions in a file of SQLite that all processes share, and tokens that speak for themselves."""

from __future__ import annotations

import asyncio
import hashlib
import random
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from joserfc import jwt
from joserfc.jwk import OctKey

from wsauth import Identity, InvalidCredentials, Reason
from wsauth.verifiers.jwt import JWTVerifier

if TYPE_CHECKING:
    from wsauth import Credentials, Handshake
    from wsauth.core.verifier import Finding

SECRET = hashlib.sha256(b"storm").hexdigest()
_KEY = OctKey.import_key(SECRET)
LIFETIME = 3600  # seconds


def session_id(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def token(subject: str, token_id: str, session: str, device: str) -> str:
    """Return a JWT that is issued now."""
    now = int(time.time())
    claims = {"sub": subject, "jti": token_id, "sid": session, "device": device, "iat": now, "exp": now + LIFETIME}
    return jwt.encode({"alg": "HS256"}, claims, _KEY)


async def _take_a_moment() -> None:
    """As a verifier does that asks somebody: time for a revocation to arrive in."""
    await asyncio.sleep(random.uniform(0.0, 0.02))


class Tokens:
    """A JWT that also names a session and a device."""

    def __init__(self) -> None:
        self._jwt = JWTVerifier(SECRET, algorithms=["HS256"])

    async def verify(self, credentials: Credentials, handshake: Handshake) -> Identity:
        identity = await self._jwt.verify(credentials, handshake)
        await _take_a_moment()
        device = {"device": identity.claims["device"]}
        return replace(identity, session_id=session_id(identity.claims["sid"]), labels=device)


class Store:
    """The sessions that exist."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None, timeout=10.0)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=OFF")
        self._database.execute("CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, subject TEXT, device TEXT)")

    def add(self, key: str, subject: str, device: str) -> None:
        self._database.execute("INSERT INTO sessions VALUES (?, ?, ?)", (session_id(key), subject, device))

    def end(self, sessions: Sequence[str]) -> None:
        self._database.executemany("DELETE FROM sessions WHERE id = ?", [(session,) for session in sessions])

    def find(self, session: str) -> Identity | None:
        row = self._database.execute("SELECT subject, device FROM sessions WHERE id = ?", (session,)).fetchone()
        return Identity(row[0], session_id=session, labels={"device": row[1]}) if row else None


class Sessions:
    """Asks the store, at the handshake and again."""

    stateful: ClassVar[bool] = True

    def __init__(self, store: Store) -> None:
        self._store = store
        self.rechecked = 0

    async def verify(self, credentials: Credentials, handshake: Handshake) -> Identity | None:
        identity = self._store.find(session_id(credentials.secret))
        await _take_a_moment()
        return identity

    async def recheck(self, identities: Sequence[Identity]) -> list[Finding]:
        self.rechecked += len(identities)
        return [self._judge(identity) for identity in identities]

    def _judge(self, identity: Identity) -> Finding:
        assert identity.session_id is not None
        found = self._store.find(identity.session_id)
        return found if found is not None else InvalidCredentials("the session has ended", Reason.REVOKED)
