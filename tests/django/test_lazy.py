"""Nothing of Django's has to be ready when a policy is written."""

from __future__ import annotations

import subprocess
import sys

import pytest

import wsauth.django

BEFORE_SETUP = """
import sys
import wsauth.django
assert not [name for name in sys.modules if name.partition(".")[0] in ("django", "channels", "rest_framework")]

from wsauth import *
from wsauth.django import *
from wsauth.verifiers.jwt import JWTVerifier

async def application(scope, receive, send):
    pass

jwt = JWTVerifier("a secret of thirty-two bytes or more", algorithms=["HS256"], load_user=load_user)
Policy([
    SecurityScheme("jwt", Query("token"), UserVerifier(jwt)),
    SecurityScheme("simplejwt", Header(), SimpleJWTVerifier()),
    SecurityScheme("rest", Header("X-Token"), DRFTokenVerifier()),
    SecurityScheme("key", SessionKeyInQuery(), SessionVerifier()),
    SecurityScheme("session", SessionCookie(), SessionVerifier()),
])
for stack in (
    AuthMiddlewareStack, QueryTokenAuthMiddleware, CookieJWTAuthMiddleware, TokenAuthMiddleware,
    TokenOrSessionAuthMiddlewareStack, SessionMiddlewareStack, AllowedHostsOriginValidator,
):
    stack(application)
OriginValidator(application, ["*"])

from django.conf import settings
assert not settings.configured
too_early = ("rest_framework", "django.contrib.auth.models", "django.contrib.sessions.models")
assert not [name for name in sys.modules if name.startswith(too_early)]
"""


def test_everything_is_built_before_django_is_set_up():
    """No setting is read, and no model, REST framework or simplejwt imported, before a handshake needs it."""
    command = [sys.executable, "-W", "error", "-c", BEFORE_SETUP]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


def test_every_public_name_is_there_and_no_other():
    """What is listed can be imported; a misspelt name says so."""
    for name in wsauth.django.__all__:
        value = getattr(wsauth.django, name)
        assert getattr(value, "__name__", name) == name  # a signal has none
    assert set(wsauth.django.__all__) <= set(dir(wsauth.django))
    assert set(wsauth.django.__all__) == set(wsauth.django._HOMES)
    with pytest.raises(AttributeError, match="SessionVerifer"):
        wsauth.django.SessionVerifer  # noqa: B018
