"""A small Django project. What concerns sockets is the last block."""

import os
import secrets
from pathlib import Path

DATA = Path(os.environ.get("WSAUTH_DEMO_DATA", Path(__file__).parent.parent / ".demo"))

SECRET_KEY = secrets.token_urlsafe(50)  # a new one at every start: the demo's logins last until it stops
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "channels_demo.urls"
ASGI_APPLICATION = "channels_demo.asgi.application"
USE_TZ = True

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "wsauth.django",
    "channels_demo",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
CSRF_USE_SESSIONS = True  # the page gets the value from /api/me, and needs no readable cookie
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATA / "channels.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
WSAUTH_POLICY = "channels_demo.auth.policy"
