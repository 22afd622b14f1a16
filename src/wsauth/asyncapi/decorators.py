"""What a handler says about itself: `@document_action` and `@document_event`.

They attach a frozen record to the function and return the same function; nothing is registered, resolved or imported.
Walkers collect the records with `documented`. The arguments are those of django-channels-spectacular, and a few more.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from wsauth.asyncapi.model import Action, Example, Message, Operation
from wsauth.core.errors import ConfigurationError

ATTRIBUTE = "__wsauth_asyncapi__"

F = TypeVar("F", bound=Callable[..., Any])


class _Default:
    """Says that the walker decides: a dispatching consumer names its actions in a member, an endpoint need not."""

    def __repr__(self) -> str:
        return "<as the framework does>"


DEFAULT = _Default()


@dataclass(frozen=True, slots=True)
class Record:
    """One decorator's word on a function."""

    operation: Operation
    discriminator: str | _Default | None = DEFAULT
    docstring: bool = False  # whether summary and description are the function's

    def resolve(self, action_member: str | None, event_member: str | None, docstrings: bool) -> Operation:
        """Return the operation, each of its messages with its name in the member that carries it."""
        operation = self.operation
        if self.docstring and not docstrings:
            operation = replace(operation, summary="", description="")
        default = action_member if operation.action == "receive" else event_member
        member = default if isinstance(self.discriminator, _Default) else self.discriminator
        return replace(
            operation,
            message=operation.message.discriminated_by(member),
            replies=tuple(reply.discriminated_by(event_member) for reply in operation.replies),
        )


def document_action(
    action: str | None = None,
    *,
    summary: str = "",
    description: str = "",
    payload: Any = None,
    responses: Mapping[str, Any] | None = None,
    examples: Iterable[Mapping[str, Any]] | None = None,
    deprecated: bool = False,
    tags: Iterable[str] | None = None,
    discriminator: str | _Default | None = DEFAULT,
    content_type: str = "",
) -> Callable[[F], F]:
    """Document a message that the client sends, on the function that handles it.

    `action` names it; without one, `handle_request_ride` is "request_ride" and any other function its own name. `payload`
    is a pydantic model, dataclass, TypedDict, msgspec Struct, DRF serializer, JSON Schema, or None. `responses` maps the
    names of the messages that may answer to their payloads. An example is a mapping with a `payload`, and a `name` and
    `summary` if you like. Without summary and description, the function's docstring gives both. `discriminator` is the
    member that carries the action's name on the wire, None for none; a Channels consumer's is "action".

    Raises ConfigurationError where an argument is of another shape.
    """
    where = f"@document_action({action!r})" if isinstance(action, str) else "@document_action"
    if action is not None and not isinstance(action, str):
        raise ConfigurationError(f'{where}: the action is not a text; write @document_action() or (action="ping")')
    replies = tuple(Message(name=name, payload=body) for name, body in _mapping(where, responses).items())
    shared = _shared(where, payload, examples, deprecated, tags, content_type)

    def decorate(function: F) -> F:
        name = action if action is not None else _inferred(where, function)
        return _document(function, "receive", name, shared, (summary, description), discriminator, replies)

    return decorate


def document_event(
    event_type: str,
    *,
    summary: str = "",
    description: str = "",
    payload: Any = None,
    examples: Iterable[Mapping[str, Any]] | None = None,
    deprecated: bool = False,
    tags: Iterable[str] | None = None,
    discriminator: str | _Default | None = DEFAULT,
    content_type: str = "",
) -> Callable[[F], F]:
    """Document a message that the application sends, on the function that sends it or handles its event.

    `event_type` is its name, as "ride.offer". The other arguments are those of `document_action`; the member of a Channels
    consumer that carries the name is "type". Raises ConfigurationError where an argument is of another shape.
    """
    if not isinstance(event_type, str) or not event_type:
        raise ConfigurationError(
            '@document_event: the first argument names the event; write @document_event("chat.message")'
        )
    shared = _shared(f"@document_event({event_type!r})", payload, examples, deprecated, tags, content_type)

    def decorate(function: F) -> F:
        return _document(function, "send", event_type, shared, (summary, description), discriminator)

    return decorate


def _document(
    function: F,
    action: Action,
    name: str,
    shared: Mapping[str, Any],
    prose: tuple[str, str],
    discriminator: str | _Default | None,
    replies: tuple[Message, ...] = (),
) -> F:
    """Attach what both decorators say; `shared` are the members of the message, `prose` its summary and description."""
    summary, description, docstring = _prose(function, *prose)
    operation = Operation(
        action=action,
        name=name,
        message=Message(name=name, **shared),
        replies=replies,
        tags=shared["tags"],
        deprecated=shared["deprecated"],
        summary=summary,
        description=description,
    )
    return _attach(function, Record(operation, discriminator, docstring))


def documented(
    obj: object, *, action_member: str | None = None, event_member: str | None = None, docstrings: bool = True
) -> tuple[Operation, ...]:
    """Return the operations that are documented on a function, or on the methods of a class, in definition order.

    Inherited methods come first; a method that a subclass overrides keeps its place, and its record where the override has
    none. `action_member` and `event_member` are the members that carry a message's name where the decorator does not say:
    "action" and "type" for a Channels consumer, None where the framework has no such habit. `docstrings`: those of the
    functions speak of their messages; an endpoint's speaks of its channel.
    """
    records = _of_class(obj) if inspect.isclass(obj) else _of_function(obj)
    return tuple(record.resolve(action_member, event_member, docstrings) for record in records)


def _of_class(cls: type) -> Iterable[Record]:
    found: dict[str, tuple[Record, ...]] = {}
    for base in reversed(cls.__mro__):
        for name, member in vars(base).items():
            if name in found and member is None:  # `handle_ping = None`, Python's way to take a method away
                del found[name]
            elif records := _of_function(member):
                found[name] = records
    return [record for records in found.values() for record in records]


def _of_function(function: object) -> tuple[Record, ...]:
    """Return the records of a function, also of one inside a staticmethod, a partial or an adapter such as sync_to_async."""
    for _ in range(8):  # wrappers around wrappers, but no loop
        records = getattr(function, ATTRIBUTE, ())
        if isinstance(records, tuple) and records:
            return records
        inner = getattr(function, "__wrapped__", None) or getattr(function, "func", None)
        if inner is None:
            break
        function = inner
    return ()


def _attach(function: F, record: Record) -> F:
    """Put the record before those of the decorators below: together they read from top to bottom."""
    target = function.__func__ if isinstance(function, staticmethod | classmethod) else function
    setattr(target, ATTRIBUTE, (record, *getattr(target, ATTRIBUTE, ())))
    return function


def _inferred(where: str, function: object) -> str:
    name = getattr(function, "__name__", "")
    if not name:
        raise ConfigurationError(f'{where}: a {type(function).__name__} has no name; write @document_action("ping")')
    return str(name).removeprefix("handle_") or str(name)


def _prose(function: object, summary: str, description: str) -> tuple[str, str, bool]:
    """Return summary and description, and whether they are the function's docstring."""
    if not summary and not description and inspect.isroutine(function):
        first, _, rest = (inspect.getdoc(function) or "").partition("\n")
        return first.strip(), rest.strip(), True
    return summary, description, False


def _shared(
    where: str,
    payload: Any,
    examples: Iterable[Mapping[str, Any]] | None,
    deprecated: bool,
    tags: Iterable[str] | None,
    content_type: str,
) -> dict[str, Any]:
    if isinstance(tags, str):
        raise ConfigurationError(f"{where}: tags is the text {tags!r}; write tags=[{tags!r}]")
    return {
        "payload": payload,
        "examples": tuple(_example(where, example) for example in _listed(where, examples)),
        "deprecated": bool(deprecated),
        "tags": tuple(tags or ()),
        "content_type": content_type,
    }


def _listed(where: str, examples: Iterable[Mapping[str, Any]] | None) -> Iterable[Mapping[str, Any]]:
    if isinstance(examples, str | Mapping):
        raise ConfigurationError(
            f'{where}: examples is a {type(examples).__name__}; write examples=[{{"payload": ...}}]'
        )
    return examples or ()


def _example(where: str, example: Any) -> Example:
    if isinstance(example, Example):
        return example
    if not isinstance(example, Mapping) or "payload" not in example:
        raise ConfigurationError(f'{where}: an example without a payload; write examples=[{{"payload": {{...}}}}]')
    return Example(example["payload"], str(example.get("name") or ""), str(example.get("summary") or ""))


def _mapping(where: str, responses: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if responses is not None and not isinstance(responses, Mapping):
        raise ConfigurationError(
            f'{where}: responses is a {type(responses).__name__}; write {{"ride.requested": payload}}'
        )
    return responses or {}
