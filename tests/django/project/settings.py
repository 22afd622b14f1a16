"""The settings of the test project. Nothing here, or imported here, is configured before `set_up`."""

from __future__ import annotations

import atexit
import tempfile
from pathlib import Path
from typing import Any

SECRET_KEY = "the secret key of the test project, long enough for HS256"
APPS = (
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "rest_framework",
    "rest_framework.authtoken",
    "rest_framework_simplejwt",
    "rest_framework_simplejwt.token_blacklist",
    "wsauth.django",
)


def options(directory: str, *more_apps: str, **changes: Any) -> dict[str, Any]:
    """A database in a file: several threads look into it."""
    return {
        "SECRET_KEY": SECRET_KEY,
        "ALLOWED_HOSTS": ["testserver", ".example.com"],
        "INSTALLED_APPS": [*APPS, *more_apps],
        "DATABASES": {
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(Path(directory) / "db.sqlite3"),
                "OPTIONS": {"init_command": "PRAGMA synchronous = OFF"},  # it need not survive the machine
            }
        },
        "CACHES": {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
        "SESSION_FILE_PATH": directory,
        "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"],
        "DEFAULT_AUTO_FIELD": "django.db.models.AutoField",
        "USE_TZ": True,
        **changes,
    }


def set_up(*more_apps: str, **changes: Any) -> None:
    """Configure Django and create the tables, in a directory that goes with the process."""
    import django
    from django.conf import settings
    from django.core.management import call_command

    directory = tempfile.TemporaryDirectory(prefix="wsauth-django-", ignore_cleanup_errors=True)
    atexit.register(directory.cleanup)
    settings.configure(**options(directory.name, *more_apps, **changes))
    django.setup()
    call_command("migrate", verbosity=0, run_syncdb=True)
