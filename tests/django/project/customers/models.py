"""Users by other names."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import models


class Customer(User):
    class Meta:
        proxy = True


class Courier(User):
    vehicle = models.CharField(max_length=20)
