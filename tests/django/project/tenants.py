"""Run in a process of its own: a database for each tenant, which a router chooses by a ContextVar. Prints JSON.

In each there is a user 1. In the default database, where nobody should be looked up, that is a superuser.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from project import settings as project

TENANTS = ("acme", "globex")
tenant: contextvars.ContextVar[str] = contextvars.ContextVar("tenant", default="default")


class Router:
    def db_for_read(self, model: Any, **hints: Any) -> str:
        return tenant.get()

    db_for_write = db_for_read


def fill(name: str) -> dict[str, str]:
    """Make a user 1 and return what proves it: a session's key, a DRF token's, two JWTs."""
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.db import SessionStore
    from django.core.management import call_command
    from rest_framework.authtoken.models import Token
    from rest_framework_simplejwt.tokens import AccessToken

    tenant.set(name)
    call_command("migrate", database=name, verbosity=0)
    user = User.objects.create(pk=1, username=f"boss of {name}", is_superuser=name == "default")
    session = SessionStore()
    session["_auth_user_id"] = "1"
    session["_auth_user_backend"] = "django.contrib.auth.backends.ModelBackend"
    session["_auth_user_hash"] = user.get_session_auth_hash()
    session.create()
    from project.people import jwt

    return {
        "session": session.session_key or "",
        "drf": Token.objects.create(user=user).key,
        "jwt": jwt(sub="1"),
        "simplejwt": str(AccessToken.for_user(user)),
    }


def verifiers() -> dict[str, Any]:
    from wsauth.django import DRFTokenVerifier, SessionVerifier, SimpleJWTVerifier, UserVerifier
    from wsauth.verifiers.jwt import JWTVerifier

    plain = JWTVerifier(project.SECRET_KEY, algorithms=["HS256"])
    return {
        "session": SessionVerifier(),
        "drf": DRFTokenVerifier(),
        "jwt": UserVerifier(plain),
        "simplejwt": SimpleJWTVerifier(),
    }


async def answers(secrets: dict[str, dict[str, str]]) -> dict[str, Any]:
    from asgiref.sync import sync_to_async
    from django.db import connections

    from wsauth import Credentials, Handshake, Identity

    def name(found: Any) -> str:
        return str(found.user.username) if isinstance(found, Identity) else type(found).__name__

    async def knock(verifier: Any, kind: str, at: str) -> Any:
        tenant.set(at)
        return await verifier.verify(Credentials(secrets[at][kind]), Handshake("/"))

    found: dict[str, Any] = {}
    for kind, verifier in verifiers().items():
        identities = await asyncio.gather(*(knock(verifier, kind, at) for at in TENANTS * 3))
        rechecked = await verifier.recheck(identities)
        found[kind] = [[name(each) for each in identities], [name(each) for each in rechecked]]

        def away(*arguments: Any) -> None:
            from django.db import OperationalError

            raise OperationalError

        def cut_off() -> None:
            connections["acme"].execute_wrappers.append(away)

        await sync_to_async(cut_off)()
        found[kind].append([name(each) for each in await verifier.recheck(identities[:2])])
        await sync_to_async(lambda: connections["acme"].execute_wrappers.clear())()
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="wsauth-tenants-") as directory:
        engine = "django.db.backends.sqlite3"
        databases = {name: {"ENGINE": engine, "NAME": f"{directory}/{name}"} for name in ("default", *TENANTS)}
        project.set_up(DATABASES=databases, DATABASE_ROUTERS=[Router()])
        secrets = {name: contextvars.copy_context().run(fill, name) for name in ("default", *TENANTS)}
        print(json.dumps(asyncio.run(answers(secrets))))  # noqa: T201
