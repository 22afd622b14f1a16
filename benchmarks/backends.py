"""An authentication backend that overrides `get_user`, as many projects have one: look-ups cannot be put together then."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend


class CustomBackend(ModelBackend):  # type: ignore[misc]
    """Reads the user in its own way."""

    def get_user(self, user_id: Any) -> Any:
        try:
            user = get_user_model()._default_manager.get(pk=user_id)
        except get_user_model().DoesNotExist:
            return None
        return user if user.is_active else None
