"""The Django project that stands beside the documentation's examples."""

SECRET_KEY = "the documentation's examples, no secret at all"
JWT_KEY = "the key of the documentation's examples"
ALLOWED_HOSTS = ["testserver"]
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "wsauth.django"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
ROOT_URLCONF = "settings"
ASGI_APPLICATION = "asgi.application"
WSAUTH_POLICY = "chat.auth.policy"
urlpatterns: list[object] = []
USE_TZ = True
