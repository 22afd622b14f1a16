"""Documents that are written by hand, with the server left open: `{{ WS_HOST }}` and `{{ WS_PROTOCOL }}`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from wsauth.asyncapi import naming
from wsauth.core.errors import ConfigurationError

_PLACE = re.compile(r"\{\{\s*(ws_host|ws_protocol)\s*\}\}", re.IGNORECASE)


def fill(path: Path, host: str, protocol: str) -> dict[str, Any]:
    """Return the document of a template, JSON or YAML, with host and protocol filled in.

    Payloads without a title get one from their message's name, for code generators name types by it. Raises
    ConfigurationError where there is no such file, or no document in it.
    """
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}; write --template with its path") from error
    values = {"ws_host": host, "ws_protocol": protocol}
    document = parse(_PLACE.sub(lambda found: values[found[1].lower()], text), str(path))
    messages = (document.get("components") or {}).get("messages") or {}
    for key, message in messages.items():
        payload = message.get("payload") if isinstance(message, dict) else None
        if isinstance(payload, dict) and "$ref" not in payload:
            payload.setdefault("title", naming.type_name(str(message.get("name") or key)))
    return document


def parse(text: str, name: str) -> dict[str, Any]:
    """Return the document that a text holds, as JSON or as YAML. Raises ConfigurationError where it holds none."""
    found = _json(text) if text.lstrip().startswith("{") else _yaml(text, name)
    if not isinstance(found, dict) or "asyncapi" not in found:
        raise ConfigurationError(f"{name} holds no AsyncAPI document; its first line should say `asyncapi: 3.0.0`")
    return found


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _yaml(text: str, name: str) -> Any:
    try:
        import yaml
    except ModuleNotFoundError:
        raise ConfigurationError(
            f'{name}: YAML needs PyYAML, which is not installed; write `pip install "wsauth[asyncapi]"`, or use JSON'
        ) from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{name} is not YAML: {error}") from error
