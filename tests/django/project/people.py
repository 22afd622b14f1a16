"""What the tests hold in their hands: sessions and tokens of users."""

from __future__ import annotations

import time
from typing import Any

import jwt as pyjwt
from asgiref.sync import sync_to_async
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

from project.settings import SECRET_KEY

MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"


@sync_to_async
def open_session(**data: Any) -> str:
    """Save a session with that data, in the engine of the settings; return its key."""
    from wsauth.django.scope import empty_session

    session = empty_session()
    session.update(data)
    session.save()
    return str(session.session_key)


async def log_in(user: Any, **data: Any) -> str:
    """Return the key of a session that the user is logged in to, as `django.contrib.auth.login` fills it."""
    filled = {
        SESSION_KEY: user._meta.pk.value_to_string(user),
        BACKEND_SESSION_KEY: MODEL_BACKEND,
        HASH_SESSION_KEY: user.get_session_auth_hash(),
    }
    return await open_session(**{**filled, **data})


def jwt(key: str = SECRET_KEY, **claims: Any) -> str:
    """A token as JWTVerifier takes it. A claim of None is left out."""
    filled = {"exp": int(time.time()) + 300, "iat": int(time.time()), **claims}
    return pyjwt.encode({name: value for name, value in filled.items() if value is not None}, key, "HS256")


def access_token(user: Any, **claims: Any) -> str:
    """A token as simplejwt issues it, with claims changed and signed again."""
    from rest_framework_simplejwt.tokens import AccessToken

    token = AccessToken.for_user(user)
    token.payload.update(claims)
    return str(token)
