"""The Django project that every node runs. Where its database and its log are, the environment says."""

from __future__ import annotations

import os
from datetime import timedelta

SECRET_KEY = "the secret key of the nodes, long enough for HS256"
RECHECK_EVERY = 1.5  # seconds, of the policy "rechecks"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "nodes.apps.actions"
WSAUTH_POLICY = "nodes.apps.policies.signals"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "channels",
    "rest_framework",
    "rest_framework.authtoken",
    "rest_framework_simplejwt",
    "rest_framework_simplejwt.token_blacklist",
    "wsauth.django",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("NODES_DATABASE", ""),
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF",
        },
    }
}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # fast
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=5),
    "AUTH_TOKEN_CLASSES": (
        "rest_framework_simplejwt.tokens.AccessToken",
        "rest_framework_simplejwt.tokens.SlidingToken",  # the kind whose blacklist is asked
    ),
    "CHECK_REVOKE_TOKEN": True,
}
