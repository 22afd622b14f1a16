"""All session engines: Django's, and one as projects make them, a subclass that reads its rows in its own way."""

from __future__ import annotations

from typing import Any

from django.contrib.sessions.backends import db

BACKENDS = "django.contrib.sessions.backends."
ENGINES = [BACKENDS + name for name in ("db", "cached_db", "cache", "file", "signed_cookies")] + [__name__]


class SessionStore(db.SessionStore):
    def load(self) -> dict[str, Any]:
        return {**super().load(), "engine": "own"}
