"""An authentication backend with users of its own kind."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


class Bare:
    def get_user(self, user_id: Any) -> SimpleNamespace:
        return SimpleNamespace(pk=f"bare {user_id}", is_authenticated=True)
