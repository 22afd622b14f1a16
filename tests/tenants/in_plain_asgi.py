"""Run in a process of its own: `in_plain_asgi.py PORT`, without Django. Prints JSON.

`load_user`, a verifier and a `Policy(recheck=...)` of one's own read the tenant from the ContextVar.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import psycopg
from joserfc import jwt
from joserfc.jwk import OctKey

from tenants.tenant import TENANTS, tenant
from tenants.visits import sink, visits
from wsauth import Header, Identity, Policy, SecurityScheme
from wsauth.verifiers.jwt import JWTVerifier

SECRET = "a secret of plain ASGI that is long enough for HS256"


class Users:
    """A table of users in each schema, read over a few connections."""

    def __init__(self, port: str) -> None:
        self.address = f"host=127.0.0.1 port={port} user=postgres dbname=postgres"
        self.free: asyncio.Queue[psycopg.AsyncConnection[Any]] = asyncio.Queue()

    async def fill(self) -> None:
        for _ in range(4):
            self.free.put_nowait(await psycopg.AsyncConnection.connect(self.address, autocommit=True))
        connection = await self.free.get()
        for name in ("public", *TENANTS):
            await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{name}"')
            await connection.execute(f'CREATE TABLE "{name}".people (id int PRIMARY KEY, name text)')
            await connection.execute(f'SET search_path TO "{name}"')
            await connection.execute("INSERT INTO people VALUES (1, %s)", [f"boss of {name}"])
        self.free.put_nowait(connection)

    async def read(self, subject: str) -> SimpleNamespace:
        connection = await self.free.get()
        try:
            await connection.execute(f'SET search_path TO "{tenant.get()}"')
            (row,) = await (
                await connection.execute("SELECT name FROM people WHERE id = %s", [int(subject)])
            ).fetchall()
            return SimpleNamespace(pk=subject, username=row[0])
        finally:
            self.free.put_nowait(connection)


class OwnVerifier:
    stateful = True

    def __init__(self, users: Users) -> None:
        self.users = users

    async def verify(self, credentials: Any, handshake: Any) -> Identity:
        return Identity("1", user=await self.users.read("1"))

    async def recheck(self, identities: Sequence[Identity]) -> list[Identity]:
        user = await self.users.read("1")
        return [Identity(identity.subject, user=user) for identity in identities]


async def main(port: str) -> dict[str, Any]:
    users = Users(port)
    await users.fill()

    async def load_user(claims: Any) -> Any:
        return await users.read(claims["sub"])

    async def recheck(identity: Identity) -> Identity:
        return Identity(identity.subject, user=await users.read(identity.subject))

    token = jwt.encode({"alg": "HS256"}, {"sub": "1", "exp": time.time() + 600}, OctKey.import_key(SECRET))
    loading = JWTVerifier(SECRET, algorithms=["HS256"], load_user=load_user)
    presented = {name: [(b"x-key", token.encode())] for name in TENANTS}
    found = {}
    for name, verifier, terms in (
        ("load_user", loading, {}),
        ("own verifier", OwnVerifier(users), {}),
        ("recheck", JWTVerifier(SECRET, algorithms=["HS256"], load_user=load_user), {"recheck": recheck}),
    ):
        rechecked: list[Any] = []
        scheme = SecurityScheme("token", Header("x-key"), verifier)
        policy = Policy([scheme], recheck_every=None, events=[sink(rechecked)], **terms)  # type: ignore[arg-type]
        found[name] = await visits(policy, presented, rechecked)
    while not users.free.empty():
        await users.free.get_nowait().close()
    return found


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1]))))  # noqa: T201
