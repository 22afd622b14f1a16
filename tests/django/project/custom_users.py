"""Run in a process of its own: every verifier with a custom user model. Prints the answers as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from project import settings as project


async def answers() -> dict[str, str]:
    from rest_framework_simplejwt.tokens import AccessToken

    from project.accounts.models import Account
    from project.people import jwt, log_in
    from wsauth import Credentials, Handshake, InvalidCredentials
    from wsauth.django import SessionVerifier, SimpleJWTVerifier, UserVerifier
    from wsauth.verifiers.jwt import JWTVerifier

    account = await Account.objects.acreate(nickname="alice", password="!")
    plain = JWTVerifier(project.SECRET_KEY, algorithms=["HS256"])
    by_pk, by_name = UserVerifier(plain), UserVerifier(plain, field="nickname")
    questions = {
        "pk": (by_pk, jwt(sub=str(account.pk))),
        "nickname": (by_name, jwt(sub="alice")),
        "hexadecimal": (by_pk, jwt(sub=account.pk.hex)),
        "upper case": (by_pk, jwt(sub=str(account.pk).upper())),
        "half": (by_pk, jwt(sub=str(account.pk)[:18])),
        "number": (by_pk, jwt(sub="1")),
        "session": (SessionVerifier(), await log_in(account)),
        "session of another user model": (SessionVerifier(), await log_in(account, _auth_user_id="1")),
        "simplejwt": (SimpleJWTVerifier(), str(AccessToken.for_user(account))),
    }
    found = {}
    for name, (verifier, secret) in questions.items():
        try:
            identity = await verifier.verify(Credentials(secret), Handshake("/"))
            found[name] = "account" if identity.subject == str(account.pk) and identity.user == account else "other"
        except InvalidCredentials as error:
            found[name] = error.reason.name
    return found


if __name__ == "__main__":
    project.set_up("project.accounts", AUTH_USER_MODEL="accounts.Account")
    print(json.dumps(asyncio.run(answers())))  # noqa: T201
