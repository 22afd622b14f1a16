"""Django and Channels: sessions, users and tokens of a Django project prove who connects.

Every name is imported when it is first used, and no module here imports models, Django REST framework or simplejwt before
a handshake needs them. So a policy can be built anywhere: in `asgi.py`, in a settings module, before `django.setup()`.
Put "wsauth.django" into INSTALLED_APPS for the system checks.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from channels.sessions import SessionMiddlewareStack

    from wsauth.django.drf import DRFTokenVerifier
    from wsauth.django.origins import AllowedHostsOriginValidator, OriginValidator
    from wsauth.django.scope import DjangoScope
    from wsauth.django.sessions import SessionCookie, SessionKeyInQuery, SessionVerifier, session_id
    from wsauth.django.simplejwt import SimpleJWTVerifier
    from wsauth.django.stacks import (
        AuthMiddlewareStack,
        CookieJWTAuthMiddleware,
        QueryTokenAuthMiddleware,
        TokenAuthMiddleware,
        TokenOrSessionAuthMiddlewareStack,
    )
    from wsauth.django.users import UserVerifier, load_user

_HOMES = {
    "AllowedHostsOriginValidator": "wsauth.django.origins",
    "AuthMiddlewareStack": "wsauth.django.stacks",
    "CookieJWTAuthMiddleware": "wsauth.django.stacks",
    "DRFTokenVerifier": "wsauth.django.drf",
    "DjangoScope": "wsauth.django.scope",
    "OriginValidator": "wsauth.django.origins",
    "QueryTokenAuthMiddleware": "wsauth.django.stacks",
    "SessionCookie": "wsauth.django.sessions",
    "SessionKeyInQuery": "wsauth.django.sessions",
    "SessionMiddlewareStack": "channels.sessions",
    "SessionVerifier": "wsauth.django.sessions",
    "SimpleJWTVerifier": "wsauth.django.simplejwt",
    "TokenAuthMiddleware": "wsauth.django.stacks",
    "TokenOrSessionAuthMiddlewareStack": "wsauth.django.stacks",
    "UserVerifier": "wsauth.django.users",
    "load_user": "wsauth.django.users",
    "session_id": "wsauth.django.sessions",
}

__all__ = [
    "AllowedHostsOriginValidator",
    "AuthMiddlewareStack",
    "CookieJWTAuthMiddleware",
    "DRFTokenVerifier",
    "DjangoScope",
    "OriginValidator",
    "QueryTokenAuthMiddleware",
    "SessionCookie",
    "SessionKeyInQuery",
    "SessionMiddlewareStack",
    "SessionVerifier",
    "SimpleJWTVerifier",
    "TokenAuthMiddleware",
    "TokenOrSessionAuthMiddlewareStack",
    "UserVerifier",
    "load_user",
    "session_id",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
