"""Custom user models: a UUID for a key and a nickname to log in with; a name that is the key itself."""

from __future__ import annotations

import uuid

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models


class Account(AbstractBaseUser):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    nickname = models.CharField(max_length=50, unique=True)
    is_active = models.BooleanField(default=True)

    USERNAME_FIELD = "nickname"
    objects = BaseUserManager()

    class Meta:
        app_label = "accounts"


class Named(AbstractBaseUser):
    name = models.CharField(max_length=50, primary_key=True)
    is_active = models.BooleanField(default=True)

    USERNAME_FIELD = "name"
    objects = BaseUserManager()

    class Meta:
        app_label = "accounts"
