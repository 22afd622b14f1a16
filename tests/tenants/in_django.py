"""Run in a process of its own: `in_django.py PORT schemas|quoted|manager`. Prints JSON.

`schemas`: a schema for each tenant, with the same primary keys in each, into which a cursor looks. `quoted`: one that each
statement names. `manager`: one table for all, with a manager.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import psycopg

from tenants.tenant import TENANTS, tenant
from tenants.visits import sink, visits

SECRET_KEY = "the secret key of the tenants' project, long enough for HS256"
APPS = (
    *("django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "rest_framework"),
    *("rest_framework.authtoken", "rest_framework_simplejwt", "wsauth.django"),
)


def set_up(port: str, kind: str) -> None:
    import django
    from django.conf import settings

    with psycopg.connect(f"host=127.0.0.1 port={port} user=postgres dbname=postgres", autocommit=True) as server:
        server.execute(f"CREATE DATABASE {kind}")
    postgres = {"HOST": "127.0.0.1", "PORT": port, "USER": "postgres", "NAME": kind}
    backends = {"schemas": "tenants.backend", "quoted": "tenants.quoting", "manager": "django.db.backends.postgresql"}
    more = {"INSTALLED_APPS": APPS}
    if kind == "manager":
        more = {"AUTH_USER_MODEL": "tenants.Member", "INSTALLED_APPS": ("tenants", *APPS[:3])}
    settings.configure(
        SECRET_KEY=SECRET_KEY,
        ALLOWED_HOSTS=[".example.com"],
        DATABASES={"default": {"ENGINE": backends[kind], "CONN_MAX_AGE": 60, **postgres}},
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        USE_TZ=True,
        **more,
    )
    django.setup()


def fill_schema(name: str) -> dict[str, str]:
    """Make the tables of a tenant, with a user 1, and return what proves that user."""
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db import connection
    from rest_framework.authtoken.models import Token
    from rest_framework_simplejwt.tokens import AccessToken

    with connection.cursor() as cursor:
        cursor.execute(f'CREATE SCHEMA IF NOT EXISTS "{name}"')
        cursor.execute(f'SET search_path TO "{name}"')
    tenant.set(name)
    call_command("migrate", verbosity=0)
    user = User.objects.create(pk=1, username=f"boss of {name}")
    key = Token.objects.create(user=user, key="0123456789abcdef0123456789abcdef01234567").key  # the same in each
    return {"session": session(user), "token": key, "simplejwt": str(AccessToken.for_user(user))}


def fill_table(name: str) -> dict[str, str]:
    from tenants.models import Member

    tenant.set(name)
    return {"session": session(Member.objects.create(number="1", username=f"boss of {name}", tenant=name))}


def session(user: Any) -> str:
    from django.contrib.sessions.backends.db import SessionStore

    store = SessionStore()
    store["_auth_user_id"] = str(user.pk)
    store["_auth_user_backend"] = "django.contrib.auth.backends.ModelBackend"
    store["_auth_user_hash"] = user.get_session_auth_hash()
    store.create()
    return str(store.session_key)


def cases(kind: str, secrets: dict[str, dict[str, str]]) -> dict[str, Any]:
    """What is presented where, by the name of the case, with the verifier."""
    from joserfc import jwt
    from joserfc.jwk import OctKey

    from wsauth import Cookie, Header
    from wsauth.django import DRFTokenVerifier, SessionVerifier, SimpleJWTVerifier, UserVerifier, load_user
    from wsauth.verifiers.jwt import JWTVerifier

    key = OctKey.import_key(SECRET_KEY)
    secrets = {
        name: {**each, "jwt": jwt.encode({"alg": "HS256"}, {"sub": "1", "exp": time.time() + 600}, key)}
        for name, each in secrets.items()
    }
    plain = JWTVerifier(SECRET_KEY, algorithms=["HS256"])
    header, cookie = Header("x-key"), Cookie("sessionid")
    found: dict[str, Any] = {"sessions": (cookie, SessionVerifier(), "session")}
    if kind == "manager":
        found["users"] = (header, UserVerifier(plain, field="number"), "jwt")
    else:
        found["users"] = (header, UserVerifier(plain), "jwt")
        found["load_user"] = (header, JWTVerifier(SECRET_KEY, algorithms=["HS256"], load_user=load_user), "jwt")
        found["simplejwt"] = (header, SimpleJWTVerifier(), "simplejwt")
        found["tokens"] = (header, DRFTokenVerifier(), "token")
    return {
        name: (location, verifier, {at: headers(location, each[what]) for at, each in secrets.items()})
        for name, (location, verifier, what) in found.items()
    }


def headers(location: Any, secret: str) -> list[tuple[bytes, bytes]]:
    from wsauth import Cookie

    if isinstance(location, Cookie):
        return [(b"cookie", f"sessionid={secret}".encode())]
    return [(b"x-key", secret.encode())]


def _close() -> None:
    from django.db import connections

    connections.close_all()


async def main(kind: str, secrets: dict[str, dict[str, str]]) -> dict[str, Any]:
    from asgiref.sync import sync_to_async
    from django.db import connections

    from wsauth import Policy, SameHostOrAbsent, SecurityScheme

    found = {}
    for name, (location, verifier, presented) in cases(kind, secrets).items():
        rechecked: list[Any] = []
        scheme = SecurityScheme(name, location, verifier)
        policy = Policy([scheme], origins=SameHostOrAbsent(), recheck_every=None, events=[sink(rechecked)])
        found[name] = await visits(policy, presented, rechecked)
    await sync_to_async(connections.close_all)()
    return found


if __name__ == "__main__":
    set_up(*sys.argv[1:])
    if sys.argv[2] == "manager":
        from django.core.management import call_command

        call_command("migrate", verbosity=0, run_syncdb=True)
    fill = fill_table if sys.argv[2] == "manager" else fill_schema
    filled = {name: contextvars.copy_context().run(fill, name) for name in ("public", *TENANTS)}
    _close()
    print(json.dumps(asyncio.run(main(sys.argv[2], filled))))  # noqa: T201
