"""What one measured process runs: who guards what, and where sessions and users are kept. It travels in the environment."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from typing import Any

VARIABLE = "WSAUTH_BENCHMARK"
SECRET_KEY = "the secret key of the benchmarks, long enough for HS256"  # noqa: S105 - guards nothing
HOST = "bench.example.com"
USERS = 500
ENGINES = {
    "db": "django.contrib.sessions.backends.db",
    "cache": "django.contrib.sessions.backends.cache",
    "cached_db": "django.contrib.sessions.backends.cached_db",
    "file": "django.contrib.sessions.backends.file",
    "signed_cookies": "django.contrib.sessions.backends.signed_cookies",
}
BACKENDS = {"stock": "django.contrib.auth.backends.ModelBackend", "custom": "benchmarks.backends.CustomBackend"}


@dataclass(frozen=True, slots=True)
class Places:
    """Where the services of this run listen. `far` is PostgreSQL behind the delay."""

    directory: str = ""
    postgres: int = 0
    far: int = 0
    redis: int = 0


@dataclass(frozen=True, slots=True)
class Configuration:
    """`guard` and `inner` are names in `subjects`. `database` is postgres, far or sqlite; `max_age` its CONN_MAX_AGE."""

    guard: str
    inner: str = "bare"
    database: str = "sqlite"
    max_age: int = 60
    engine: str = "db"
    backend: str = "stock"
    places: Places = Places()

    @property
    def name(self) -> str:
        changed = [str(getattr(self, f.name)) for f in fields(self)[2:-1] if getattr(self, f.name) != f.default]
        return "-".join([self.guard, self.inner, *changed])

    def environment(self) -> dict[str, str]:
        return {**os.environ, VARIABLE: json.dumps(asdict(self))}

    @classmethod
    def of_environment(cls) -> Configuration:
        given = json.loads(os.environ[VARIABLE])
        return cls(**{**given, "places": Places(**given["places"])})


def set_up(configuration: Configuration) -> None:
    """Configure Django as the configuration says."""
    import django
    from django.conf import settings

    settings.configure(**_settings(configuration))
    django.setup()


def _settings(configuration: Configuration) -> dict[str, Any]:
    places = configuration.places
    return {
        "SECRET_KEY": SECRET_KEY,
        "ALLOWED_HOSTS": [HOST],
        "INSTALLED_APPS": ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
        "DATABASES": {"default": _database(configuration)},
        "CACHES": {
            "default": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": f"redis://127.0.0.1:{places.redis}/0",
            }
        },
        "CHANNEL_LAYERS": {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
        "SESSION_ENGINE": ENGINES[configuration.engine],
        "SESSION_FILE_PATH": f"{places.directory}/sessions",
        "AUTHENTICATION_BACKENDS": [BACKENDS[configuration.backend]],
        "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"],
        "DEFAULT_AUTO_FIELD": "django.db.models.AutoField",
        "USE_TZ": True,
    }


def _database(configuration: Configuration) -> dict[str, Any]:
    if configuration.database == "sqlite":
        name = f"{configuration.places.directory}/benchmark.sqlite3"
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": name, "CONN_MAX_AGE": configuration.max_age}
    port = configuration.places.far if configuration.database == "far" else configuration.places.postgres
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "postgres",
        "USER": "postgres",
        "HOST": "127.0.0.1",
        "PORT": port,
        "CONN_MAX_AGE": configuration.max_age,
        "OPTIONS": {"sslmode": "disable", "gssencmode": "disable"},  # a database next door is asked in plain text
    }
