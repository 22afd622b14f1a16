"""What Django tells of users and their tokens, and what follows for connections.

Signals ask, they do not judge: after a change of the user the stores are asked again, by every process. Only deletions
revoke. What sends no signal (`update()`, `bulk_update`, another program) is found by the re-check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db.models import signals

from wsauth.django import session_ends
from wsauth.django.blacklist import blacklisted_until
from wsauth.django.database import digest
from wsauth.django.engines import session_store
from wsauth.django.publishing import publish
from wsauth.revocation.record import Verb

DECIDING = frozenset({"password", "is_active", "is_staff", "is_superuser"})  # fields of a user
MANY = 100  # users: a group that changes for more is left to the re-check


def connect() -> None:
    """Listen. Called when every app is ready; models are named as senders, or Django's bulk deletions would be slow."""
    session_ends.watch(session_store())
    if apps.is_installed("django.contrib.auth"):
        _connect_users()
    if apps.is_installed("rest_framework.authtoken"):
        _listen(signals.post_delete, _token_deleted, "authtoken.Token")
    if apps.is_installed("rest_framework_simplejwt.token_blacklist"):
        _listen(signals.post_save, _token_blacklisted, "token_blacklist.BlacklistedToken")


def _connect_users() -> None:
    from django.contrib.auth.signals import user_logged_out

    user_logged_out.connect(_logging_out, dispatch_uid="wsauth")
    _listen(signals.post_save, _user_saved, settings.AUTH_USER_MODEL)
    _listen(signals.post_delete, _user_deleted, settings.AUTH_USER_MODEL)
    user = apps.get_model(settings.AUTH_USER_MODEL)
    for field in (field for field in user._meta.many_to_many if field.name in ("groups", "user_permissions")):
        signals.m2m_changed.connect(_rights_changed, sender=field.remote_field.through, dispatch_uid="wsauth")


def _listen(signal: Any, receiver: Callable[..., None], name: str) -> None:
    """Connect to a model, its proxies and its children: each sends its signals as itself."""
    model = apps.get_model(name)
    for kind in apps.get_models():
        if issubclass(kind, model):
            signal.connect(receiver, sender=kind, dispatch_uid="wsauth")


def _logging_out(request: Any, **kwargs: Any) -> None:
    """The session is flushed next. Its class may be another than that of the settings."""
    session = getattr(request, "session", None)
    if hasattr(session, "session_key"):
        session_ends.watch(session.__class__)


def _user_saved(instance: Any, created: bool, update_fields: Iterable[str] | None, using: str, **kwargs: Any) -> None:
    if not created and (update_fields is None or not DECIDING.isdisjoint(update_fields)):
        publish(Verb.RECHECK, using, subject=str(instance.pk))


def _user_deleted(instance: Any, using: str, **kwargs: Any) -> None:
    publish(Verb.REVOKE, using, subject=str(instance.pk))


def _rights_changed(
    instance: Any, action: str, reverse: bool, pk_set: set[Any] | None, using: str, **kwargs: Any
) -> None:
    if action not in ("post_add", "post_remove", "post_clear"):
        return
    pks = (pk_set or set()) if reverse else {instance.pk}
    for pk in pks if len(pks) <= MANY else ():
        publish(Verb.RECHECK, using, subject=str(pk))


def _token_deleted(instance: Any, using: str, **kwargs: Any) -> None:
    publish(Verb.REVOKE, using, is_stored=True, token_id=digest(instance.key))  # a proxy's pk is its user's


def _token_blacklisted(instance: Any, created: bool, using: str, **kwargs: Any) -> None:
    if created and (until := blacklisted_until(instance.token)) is not None:
        publish(Verb.REVOKE, using, until=until, token_id=instance.token.jti)
