"""Django and Channels: sessions, users and tokens of a Django project prove who connects.

Every name is imported when it is first used, and no module here imports models, Django REST framework or simplejwt before
a handshake needs them. So a policy can be built anywhere: in `asgi.py`, in a settings module, before `django.setup()`.
Put "wsauth.django" into INSTALLED_APPS: log-outs and changes of users then end connections, and the system checks speak.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from channels.sessions import SessionMiddlewareStack

    from wsauth.asyncapi import document_action, document_event
    from wsauth.django.documents import AsyncAPIGenerator, describe
    from wsauth.django.drf import DRFTokenVerifier
    from wsauth.django.events import connection_event, send_signal
    from wsauth.django.log import DatabaseLog
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
    from wsauth.django.walker import walk

_HOMES = {
    "AllowedHostsOriginValidator": "wsauth.django.origins",
    "AsyncAPIGenerator": "wsauth.django.documents",
    "AuthMiddlewareStack": "wsauth.django.stacks",
    "CookieJWTAuthMiddleware": "wsauth.django.stacks",
    "DRFTokenVerifier": "wsauth.django.drf",
    "DatabaseLog": "wsauth.django.log",
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
    "connection_event": "wsauth.django.events",
    "describe": "wsauth.django.documents",
    "document_action": "wsauth.asyncapi",
    "document_event": "wsauth.asyncapi",
    "load_user": "wsauth.django.users",
    "send_signal": "wsauth.django.events",
    "session_id": "wsauth.django.sessions",
    "walk": "wsauth.django.walker",
}

__all__ = [
    "AllowedHostsOriginValidator",
    "AsyncAPIGenerator",
    "AuthMiddlewareStack",
    "CookieJWTAuthMiddleware",
    "DRFTokenVerifier",
    "DatabaseLog",
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
    "connection_event",
    "describe",
    "document_action",
    "document_event",
    "load_user",
    "send_signal",
    "session_id",
    "walk",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
