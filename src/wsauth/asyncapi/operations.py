"""Operations of a document: what can be said on each channel, by whom, and what answers it (3.0.0, Operation Object)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args

from wsauth.asyncapi import extensions, naming
from wsauth.asyncapi.messages import KINDS, Messages, tags
from wsauth.asyncapi.model import Action, Channel, Operation

Perspective = Literal["application", "client"]

SWAPPED: dict[Action, Action] = {"receive": "send", "send": "receive"}


class Operations:
    """Writes the operations of all channels. `security` gives what stands on each operation of a channel."""

    def __init__(
        self, messages: Mapping[str, Messages], perspective: Perspective, security: Callable[[str], Mapping[str, Any]]
    ) -> None:
        self._messages = messages
        self._perspective = perspective
        self._security = security

    def write(self, channels: Sequence[tuple[str, Channel]]) -> dict[str, Any]:
        found = [(key, operation) for key, channel in channels for operation in channel.operations]
        keys = _keys(found)
        written = [self._operation(key, operation) for key, operation in found]
        for key, channel in channels:
            for action in () if channel.operations else get_args(Action):
                keys.append(naming.identifier(f"{key}_{self._action(action)}"))
                written.append(self._undocumented(key, action))
        return dict(zip(naming.distinct(keys), written, strict=True))

    def _operation(self, key: str, operation: Operation) -> dict[str, Any]:
        return {
            "action": self._action(operation.action),
            "channel": {"$ref": f"#/channels/{key}"},
            **{name: text for name in ("title", "summary", "description") if (text := getattr(operation, name))},
            **self._security(key),
            **({"tags": tags(operation.tags)} if operation.tags else {}),
            "messages": [_message(key, self._messages[key].key(operation.action, operation.message))],
            **({"reply": self._reply(key, operation)} if operation.replies else {}),
            **({extensions.DEPRECATED: True} if operation.deprecated else {}),
        }

    def _undocumented(self, key: str, action: Action) -> dict[str, Any]:
        """Write what holds for every WebSocket: the security of a channel has no other place (3.0.0, Channel Object)."""
        who = "Clients send" if action == "receive" else "The application sends"
        return {
            "action": self._action(action),
            "channel": {"$ref": f"#/channels/{key}"},
            "summary": f"{who} messages, which are not documented.",
            **self._security(key),
        }

    def _reply(self, key: str, operation: Operation) -> dict[str, Any]:
        names = [self._messages[key].key(SWAPPED[operation.action], reply) for reply in operation.replies]
        return {
            "channel": {"$ref": f"#/channels/{key}"},
            "messages": [_message(key, name) for name in dict.fromkeys(names)],
        }

    def _action(self, action: Action) -> Action:
        return action if self._perspective == "application" else SWAPPED[action]


def _keys(found: Sequence[tuple[str, Operation]]) -> list[str]:
    """Name each operation after its channel and itself, so that a new channel renames none.

    An action and an event of one name are told apart by those words, which mean the same from both perspectives.
    """
    names = [naming.identifier(f"{key}_{operation.name or operation.message.name}") for key, operation in found]
    directions: dict[str, set[Action]] = {}
    for name, (_, operation) in zip(names, found, strict=True):
        directions.setdefault(name, set()).add(operation.action)
    return [
        f"{name}_{KINDS[operation.action]}" if len(directions[name]) > 1 else name
        for name, (_, operation) in zip(names, found, strict=True)
    ]


def _message(key: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/channels/{key}/messages/{name}"}
