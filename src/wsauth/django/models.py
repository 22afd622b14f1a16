"""The table of `DatabaseLog`: one row for each revocation that may still have to be heard of."""

from __future__ import annotations

from django.db import models


class Revocation(models.Model):  # type: ignore[misc]  # Django has no types
    """A record as `Record.encode` writes it, and the POSIX seconds until which it counts."""

    id = models.BigAutoField(primary_key=True)
    body = models.TextField()
    until = models.FloatField(db_index=True)

    class Meta:
        app_label = "wsauth"
        default_permissions = ()  # nobody edits these

    def __str__(self) -> str:
        return f"revocation {self.pk}"
