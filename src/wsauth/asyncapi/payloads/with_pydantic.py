"""Pydantic writes models, dataclasses, TypedDicts, unions and builtins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import TypeAdapter

from wsauth.asyncapi.dialect import COMPONENTS

Mode = Literal["validation", "serialization"]


def schemas(payloads: Sequence[tuple[Any, str]]) -> tuple[list[Any], dict[str, Any]]:
    """Write all of them in one call, so that pydantic itself tells models of one name apart.

    What the client sends is written as it is validated, what the application sends as it is serialised.
    """
    inputs: list[tuple[int, Mode, TypeAdapter[Any]]] = [
        (at, "validation" if direction == "receive" else "serialization", _adapter(payload))
        for at, (payload, direction) in enumerate(payloads)
    ]
    written, definitions = TypeAdapter.json_schemas(inputs, ref_template=COMPONENTS + "{model}")
    return [written[at, mode] for at, mode, _ in inputs], definitions.get("$defs", {})


def _adapter(payload: Any) -> TypeAdapter[Any]:
    return payload if isinstance(payload, TypeAdapter) else TypeAdapter(payload)
