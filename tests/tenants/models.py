"""Users of all tenants in one table: the manager shows those of the ContextVar."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models

from tenants.tenant import tenant


class MemberManager(BaseUserManager["Member"]):
    def get_queryset(self) -> Any:
        return super().get_queryset().filter(tenant=tenant.get())


class Member(AbstractBaseUser):
    number = models.CharField(max_length=20)
    username = models.CharField(max_length=40)
    tenant = models.CharField(max_length=20)
    is_active = models.BooleanField(default=True)

    objects: ClassVar[Any] = MemberManager()
    USERNAME_FIELD = "username"

    class Meta:
        app_label = "tenants"
