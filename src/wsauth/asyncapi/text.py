"""A document as text: JSON and YAML, the same bytes for the same document.

Also what makes it plain: models are filled with lazy texts, tuples, decimals and examples that are objects.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Mapping, Set
from enum import Enum
from typing import Any

from wsauth.core.errors import ConfigurationError

_LIKE_A_NUMBER = re.compile(r"[-+.0-9]")


def plain(value: Any) -> Any:
    """Return the value as JSON's own types, each part a copy. What JSON has no type for becomes text."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return value.value if isinstance(value, Enum) else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(plain(name)): plain(inner) for name, inner in value.items()}
    if isinstance(value, Set):
        return sorted((plain(inner) for inner in value), key=str)
    return [plain(inner) for inner in value] if isinstance(value, list | tuple) else _of_object(value)


def _of_object(value: Any) -> Any:
    if isinstance(value, Enum):
        return plain(value.value)
    if hasattr(value, "model_dump"):  # pydantic
        return plain(value.model_dump(mode="json"))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain(dataclasses.asdict(value))
    if hasattr(value, "__struct_fields__"):  # msgspec
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def to_json(document: Mapping[str, Any]) -> str:
    """Write a document as JSON, indented, in the document's order, with a line end."""
    return json.dumps(plain(document), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def to_yaml(document: Mapping[str, Any]) -> str:
    """Write a document as YAML that versions 1.1 and 1.2 read alike. Needs PyYAML, or raises ConfigurationError."""
    try:
        import yaml
    except ModuleNotFoundError:
        raise ConfigurationError(
            'AsyncAPI as YAML needs PyYAML, which is not installed; write `pip install "wsauth[asyncapi]"`, or use JSON'
        ) from None

    class Dumper(yaml.SafeDumper):
        """Quotes texts that begin as numbers do: "1e3" is a text in YAML 1.1 and a number in 1.2."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        style = "|" if "\n" in value else "'" if _LIKE_A_NUMBER.match(value) else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    return str(yaml.dump(plain(document), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120))
