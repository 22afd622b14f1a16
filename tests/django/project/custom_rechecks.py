"""Run in a process of its own, with the name of a user model: every verifier re-checks. Prints who still
holds, before and after the second user was deactivated, as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from project import settings as project

NAMES = ["O'Hara, Ann é", "ann", "ANN", "01"]


async def findings() -> list[list[list[bool]]]:
    from django.contrib.auth import get_user_model
    from rest_framework.authtoken.models import Token
    from rest_framework_simplejwt.tokens import AccessToken

    from project.people import jwt, log_in
    from wsauth import Credentials, Handshake, Identity
    from wsauth.django import DRFTokenVerifier, SessionVerifier, SimpleJWTVerifier, UserVerifier
    from wsauth.verifiers.jwt import JWTVerifier

    model = get_user_model()
    field = model.USERNAME_FIELD
    users = [await model.objects.acreate(**{field: name}, password="!") for name in NAMES]
    plain = JWTVerifier(project.SECRET_KEY, algorithms=["HS256"])
    proven = []
    for verifier, secrets in {
        SessionVerifier(): [await log_in(user) for user in users],
        DRFTokenVerifier(): [(await Token.objects.acreate(user=user)).key for user in users],
        UserVerifier(plain): [jwt(sub=str(user.pk)) for user in users],
        UserVerifier(plain, field): [jwt(sub=name) for name in NAMES],
        SimpleJWTVerifier(): [str(AccessToken.for_user(user)) for user in users],
    }.items():
        proven.append((verifier, [await verifier.verify(Credentials(secret), Handshake("/")) for secret in secrets]))

    async def found() -> list[list[bool]]:
        answers = [await verifier.recheck(identities) for verifier, identities in proven]
        return [
            [isinstance(answer, Identity) and answer.user == user for answer, user in zip(told, users, strict=True)]
            for told in answers
        ]

    before = await found()
    await model.objects.filter(pk=users[1].pk).aupdate(is_active=False)
    return [before, await found()]


if __name__ == "__main__":
    model = sys.argv[1]
    field = {"Account": "id", "Named": "name"}[model]
    project.set_up("project.accounts", AUTH_USER_MODEL=f"accounts.{model}", SIMPLE_JWT={"USER_ID_FIELD": field})
    print(json.dumps(asyncio.run(findings())))  # noqa: T201
