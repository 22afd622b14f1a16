"""Messages of a document: each is written once under `components.messages`, and every channel names those it carries.

3.0.0, Message Object. An action and an event of one name are two messages.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wsauth.asyncapi import naming
from wsauth.asyncapi.dialect import COMPONENTS
from wsauth.asyncapi.model import Action, Channel, Message
from wsauth.asyncapi.schemas import Schemas, Wanted
from wsauth.asyncapi.text import plain

DEFAULT_CONTENT_TYPE = "application/json"

KINDS: dict[Action, str] = {"receive": "action", "send": "event"}  # the words of the decorators


@dataclass(slots=True)
class Carried:
    """A message of one channel: its key there, and what is written for it."""

    direction: Action
    message: Message
    written: dict[str, Any] = field(default_factory=dict)
    key: str = ""


def wanted(channel: Channel) -> Iterator[Wanted]:
    """Yield the payloads of a channel."""
    for direction, message in _of_channel(channel):
        yield Wanted(message.payload, direction, f"{channel.address}: message {message.name!r}")


def _of_channel(channel: Channel) -> Iterator[tuple[Action, Message]]:
    """Yield each message with who sends it: an application that receives a message sends the replies to it."""
    for operation in channel.operations:
        yield operation.action, operation.message
        reply: Action = "send" if operation.action == "receive" else "receive"
        for message in operation.replies:
            yield reply, message


class Messages:
    """The messages of one channel by what they are: the same message, said twice, is carried once."""

    def __init__(self, channel: Channel, schemas: Schemas) -> None:
        self.carried: list[Carried] = []
        self._as: dict[tuple[Action, int], Carried] = {}  # by the identity of the channel's own messages
        self._schemas = schemas
        self._documented = {
            (operation.action, operation.message.name): operation.message for operation in channel.operations
        }
        for direction, message in _of_channel(channel):
            found = self._write(direction, message)
            same = next((known for known in self.carried if known.written == found.written), found)
            self._as[direction, id(message)] = same
            if same is found:
                self.carried.append(found)
        self._name()

    def key(self, direction: Action, message: Message) -> str:
        """Return the key of one of the channel's messages."""
        return self._as[direction, id(message)].key

    def _write(self, direction: Action, message: Message) -> Carried:
        if message.payload is None and not message.examples:
            # A reply may be named only, where the channel documents the message elsewhere.
            message = self._documented.get((direction, message.name), message)
        return Carried(direction, message, write(message, direction, self._schemas))

    def _name(self) -> None:
        plain_keys = [naming.key(carried.message.name) for carried in self.carried]
        directions: dict[str, set[Action]] = {}
        for name, carried in zip(plain_keys, self.carried, strict=True):
            directions.setdefault(name, set()).add(carried.direction)
        keys = [
            f"{name}.{KINDS[carried.direction]}" if len(directions[name]) > 1 else name
            for name, carried in zip(plain_keys, self.carried, strict=True)
        ]
        for key, carried in zip(naming.distinct(keys), self.carried, strict=True):
            carried.key = key


def write(message: Message, direction: Action, schemas: Schemas) -> dict[str, Any]:
    """Write one Message Object."""
    payload = _with_member(schemas.of(message.payload, direction), message, schemas)
    if message.deprecated and isinstance(payload, Mapping):
        payload = {**({"allOf": [payload]} if "$ref" in payload else payload), "deprecated": True}
    examples = [
        {**_texts(name=example.name, summary=example.summary), "payload": example.payload}
        for example in message.examples
    ]
    content_type = message.content_type or _content_type(message.payload)
    return {
        **_texts(name=message.name, title=message.title, summary=message.summary, description=message.description),
        **({"contentType": content_type} if content_type != DEFAULT_CONTENT_TYPE else {}),
        **({"deprecated": True} if message.deprecated else {}),
        **({"tags": tags(message.tags)} if message.tags else {}),
        **({"payload": payload} if payload is not None else {}),
        **({"examples": examples} if examples else {}),
    }


def _texts(**texts: str) -> dict[str, str]:
    return {name: text for name, text in texts.items() if text}


def tags(names: Iterable[str]) -> list[dict[str, str]]:
    return [{"name": name} for name in dict.fromkeys(names)]


def _content_type(payload: Any) -> str:
    """A frame that is documented as text or bytes is exactly that, and no JSON."""
    if payload is str:
        return "text/plain"
    return "application/octet-stream" if payload is bytes else DEFAULT_CONTENT_TYPE


def _with_member(schema: Any, message: Message, schemas: Schemas) -> Any:
    """Add the member that carries the message's name, unless the payload has that member already or is no object."""
    if message.discriminator is None:
        return schema
    member, value = message.discriminator
    constant = {"type": "object", "properties": {member: {"type": "string", "const": value}}, "required": [member]}
    if schema is None:
        return constant
    name = schema["$ref"].removeprefix(COMPONENTS) if isinstance(schema, Mapping) and "$ref" in schema else ""
    body = schemas.components.schemas.get(name, schema)
    if not isinstance(body, Mapping) or body.get("type", "object") != "object" or _declares(body, member, schemas):
        return schema
    if not {"$ref", "allOf", "anyOf", "oneOf"} & {*body}:
        return _merged(body, constant, name)
    return {"allOf": [constant, schema]}


def _merged(body: Mapping[str, Any], constant: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Write the member first: it is what readers look for. A copy, for the schema may be used without it elsewhere."""
    return {
        **({"title": name} if name else {}),
        **body,
        "type": "object",
        "properties": {**constant["properties"], **body.get("properties", {})},
        "required": [*constant["required"], *body.get("required", ())],
    }


def _declares(schema: Any, member: str, schemas: Schemas, seen: frozenset[str] = frozenset()) -> bool:
    """Whether a payload of this schema is known to have the member; each branch of a union must."""
    if not isinstance(schema, Mapping):
        return False
    if member in schema.get("properties", {}):
        return True
    name = str(schema.get("$ref", "")).removeprefix(COMPONENTS)
    if name in schemas.components.schemas and name not in seen:
        return _declares(schemas.components.schemas[name], member, schemas, seen | {name})
    branches = schema.get("anyOf") or schema.get("oneOf") or ()
    if branches and all(_declares(branch, member, schemas, seen) for branch in branches):
        return True
    return any(_declares(part, member, schemas, seen) for part in schema.get("allOf", ()))


def components(
    channels: Sequence[tuple[str, Messages]], schemas: Iterable[str] = ()
) -> tuple[dict[str, Any], dict[tuple[str, str], str]]:
    """Return the messages under components, and their names there by channel and key. `schemas` are the names beside them.

    A message is named as in its channel; where channels mean different things by one key, the channel's name comes first.
    """
    meanings: dict[str, set[str]] = {}
    for _, messages in channels:
        for carried in messages.carried:
            meanings.setdefault(carried.key, set()).add(_fingerprint(carried.written))
    written: dict[str, Any] = {}
    names: dict[tuple[str, str], str] = {}
    for channel, messages in channels:
        for carried in messages.carried:
            name = carried.key if len(meanings[carried.key]) == 1 else f"{channel}.{carried.key}"
            while name in written and written[name] != carried.written:
                name += "_"
            written[name] = carried.written
            names[channel, carried.key] = name
    return _titled(dict(sorted(written.items())), {*schemas}), names


def _titled(messages: Mapping[str, dict[str, Any]], taken: set[str]) -> dict[str, Any]:
    """Give payloads that are objects without a name one of their own: generators would number them, and anew each time."""
    payloads = [message["payload"] for message in messages.values() if isinstance(message.get("payload"), Mapping)]
    taken |= {payload["title"] for payload in payloads if isinstance(payload.get("title"), str)}
    titled = {}
    for name, message in messages.items():
        payload = message.get("payload")
        if isinstance(payload, Mapping) and "title" not in payload and {"properties", "allOf"} & {*payload}:
            title = naming.type_name(name) or "Payload"
            while title in taken:
                title += "Message"
            taken.add(title)
            message = {**message, "payload": {"title": title, **payload}}
        titled[name] = message
    return titled


def _fingerprint(written: Mapping[str, Any]) -> str:
    return json.dumps(plain(written), sort_keys=True)
