"""Serializers of Django REST framework as payloads, for `payload_readers`: drf-spectacular writes their schemas."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from wsauth.core.errors import ConfigurationError

name = "drf-spectacular"

# One schema serves both directions, where a field that is only read must not be asked of the client.
_SETTINGS = {"OAS_VERSION": "3.1.0", "COMPONENT_NO_READ_ONLY_REQUIRED": True}
_ONE_AT_A_TIME = threading.Lock()  # drf-spectacular's settings are the process's


def reads(payload: Any) -> bool:
    """Whether a payload is a serializer, as a class or an instance; told without importing the framework."""
    classes = payload.__mro__ if isinstance(payload, type) else type(payload).__mro__
    return any(cls.__module__ == "rest_framework.serializers" and cls.__name__ == "BaseSerializer" for cls in classes)


def schemas(payloads: Sequence[tuple[Any, str]]) -> tuple[list[Any], dict[str, Any]]:
    """Write all of them as OpenAPI 3.1 does, whose schemas are JSON Schema."""
    try:
        from drf_spectacular.plumbing import ComponentRegistry
        from drf_spectacular.settings import patched_settings
    except ModuleNotFoundError:
        raise ConfigurationError("it is not installed; write `pip install drf-spectacular`") from None

    registry = ComponentRegistry()
    with _ONE_AT_A_TIME, patched_settings(_SETTINGS):
        written = [_schema(registry, payload, direction) for payload, direction in payloads]
        named = registry.build({}).get("schemas", {})
    return written, {name: {"title": name, **schema} for name, schema in named.items()}


def _schema(registry: Any, payload: Any, direction: str) -> dict[str, Any]:
    from drf_spectacular.openapi import AutoSchema
    from rest_framework.views import APIView

    writer = AutoSchema()
    writer.registry, writer.method, writer.path, writer.view = registry, "POST", "/", APIView()
    writer.view.request = writer.view.action = None
    many = getattr(payload, "many", False)  # a ListSerializer
    component = writer.resolve_serializer(
        payload.child if many else payload, "request" if direction == "receive" else "response"
    )
    schema: dict[str, Any] = component.ref if component.name else {"type": "object"}  # a serializer without fields
    return {"type": "array", "items": schema} if many else schema
