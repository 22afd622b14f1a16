"""PostgreSQL with a schema for each tenant: a cursor looks into that of the ContextVar."""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql import base

from tenants.tenant import tenant


class DatabaseWrapper(base.DatabaseWrapper):
    def _cursor(self, name: str | None = None) -> Any:
        cursor = super()._cursor(name)
        if getattr(self, "schema", None) != (self.connection, tenant.get()):
            with self.wrap_database_errors:
                self.connection.execute(f'SET search_path TO "{tenant.get()}"')
            self.schema = self.connection, tenant.get()
        return cursor
