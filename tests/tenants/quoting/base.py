"""PostgreSQL with a schema for each tenant: each statement names the table in that of the ContextVar."""

from __future__ import annotations

from django.db.backends.postgresql import base, operations

from tenants.tenant import TENANTS, tenant

TABLES = ("auth_user", "authtoken_token", "django_session")


class DatabaseOperations(operations.DatabaseOperations):
    def quote_name(self, name: str) -> str:
        quoted = super().quote_name(name)
        return f'"{tenant.get()}".{quoted}' if name in TABLES and tenant.get() in TENANTS else quoted


class DatabaseWrapper(base.DatabaseWrapper):
    ops_class = DatabaseOperations
