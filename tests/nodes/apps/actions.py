"""What people do over HTTP. The answer says when it was committed; a verb counts from when it was called.

The moments are of the monotonic clock, which all processes of a machine share.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from django.contrib.auth import authenticate, login, logout, update_session_auth_hash
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.urls import path
from rest_framework.authtoken.models import Token, TokenProxy
from rest_framework_simplejwt.tokens import AccessToken, SlidingToken

from nodes.apps import policies
from wsauth.revocation.log import Receipt

connections = policies.signals.connections


def act(request: HttpRequest, action: str) -> JsonResponse:
    arguments = request.GET.dict()
    committed: list[float] = []
    if action in VERBS:
        committed.append(time.monotonic())
        receipt = asdict(VERBS[action](**arguments))
        return JsonResponse({"committed": committed[0], "result": receipt | {"missing": sorted(receipt["missing"])}})
    with transaction.atomic():
        # The first to be told: what wsauth does on commit comes after it, and counts.
        transaction.on_commit(lambda: committed.append(time.monotonic()))
        result = ACTIONS[action](request, **arguments)
    return JsonResponse({"committed": committed[0], "result": result})


def sign_up(request: HttpRequest, name: str) -> str:
    return str(User.objects.create_user(name, password="first").pk)


def log_in(request: HttpRequest, name: str, scheme: str, password: str) -> str | None:
    """Return a token, or set the session's cookie."""
    user: Any = authenticate(request, username=name, password=password)
    assert user is not None
    match scheme:
        case "session":
            login(request, user)
            return None
        case "drf":
            return Token.objects.get_or_create(user=user)[0].key
        case "access":
            return str(AccessToken.for_user(user))
        case _:
            return str(SlidingToken.for_user(user))


def log_out(request: HttpRequest, user: str) -> None:
    logout(request)


def flush_session(request: HttpRequest, user: str) -> None:
    request.session.flush()


def delete_session(request: HttpRequest, user: str) -> None:
    """As an administrator does, who holds the key and not the session."""
    type(request.session)().delete(request.session.session_key)


def let_session_expire(request: HttpRequest, user: str, seconds: str) -> float:
    """Let the session end in so many seconds, and return when that is."""
    request.session.set_expiry(float(seconds))
    request.session.save()
    row = Session.objects.get(session_key=request.session.session_key)
    return time.monotonic() + row.expire_date.timestamp() - time.time()


def set_password(request: HttpRequest, user: str) -> None:
    """As an administrator does."""
    changed = User.objects.get(pk=user)
    changed.set_password("second")
    changed.save()


def change_password(request: HttpRequest, user: str) -> None:
    """As Django's own form does: who changes it stays logged in."""
    me: Any = request.user
    me.set_password("second")
    me.save()
    update_session_auth_hash(request, me)


def cycle_session(request: HttpRequest, user: str) -> None:
    request.session.cycle_key()


def deactivate(request: HttpRequest, user: str) -> None:
    _set_active(user, False)


def reactivate(request: HttpRequest, user: str) -> None:
    _set_active(user, True)


def _set_active(user: str, is_active: bool) -> None:
    changed = User.objects.get(pk=user)
    changed.is_active = is_active
    changed.save()


def delete_user(request: HttpRequest, user: str) -> None:
    User.objects.get(pk=user).delete()


def delete_token(request: HttpRequest, user: str) -> None:
    Token.objects.get(user=user).delete()


def delete_token_proxy(request: HttpRequest, user: str) -> None:
    """As the admin does."""
    TokenProxy.objects.get(user=user).delete()


def blacklist(request: HttpRequest, user: str, token: str) -> None:
    SlidingToken(token).blacklist()


def revoke_token(user: str, jti: str) -> Receipt:
    return connections.revoke_now(token_id=jti)


def revoke_user(user: str, receipt: str) -> Receipt:
    return connections.revoke_now(subject=user, receipt=float(receipt))


def disconnect(user: str) -> Receipt:
    return connections.disconnect_now(subject=user)


def block(user: str, seconds: str) -> Receipt:
    return connections.block_now(subject=user, until=time.time() + float(seconds))


# What sends no signal


def deactivate_silently(request: HttpRequest, user: str) -> None:
    assert User.objects.filter(pk=user).update(is_active=False) == 1


def reactivate_silently(request: HttpRequest, user: str) -> None:
    assert User.objects.filter(pk=user).update(is_active=True) == 1


def set_password_silently(request: HttpRequest, user: str) -> None:
    changed = User.objects.get(pk=user)
    changed.set_password("second")
    assert User.objects.filter(pk=user).update(password=changed.password) == 1


def delete_session_silently(request: HttpRequest, user: str) -> None:
    assert Session.objects.filter(session_key=request.COOKIES["sessionid"]).delete()[0] == 1


VERBS = {verb.__name__: verb for verb in (revoke_token, revoke_user, disconnect, block)}
ACTIONS = {
    action.__name__: action
    for action in (
        sign_up,
        log_in,
        log_out,
        flush_session,
        delete_session,
        let_session_expire,
        set_password,
        change_password,
        cycle_session,
        deactivate,
        reactivate,
        delete_user,
        delete_token,
        delete_token_proxy,
        blacklist,
        deactivate_silently,
        reactivate_silently,
        set_password_silently,
        delete_session_silently,
    )
}
urlpatterns = [path("django/<str:action>", act)]
