"""The neutral model of an application's sockets, which walkers fill and `wsauth.asyncapi.document` writes out.

Plain frozen values: nothing here knows a framework, reads a setting or writes AsyncAPI. Every word takes the application's
view, as AsyncAPI does (3.0.0, Operation Object): an operation is "receive" where the client sends.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

from wsauth.core.errors import ConfigurationError
from wsauth.policy import Policy, ReportOnly

Action = Literal["receive", "send"]

_PARAMETER = re.compile(r"\{([^{}]*)\}")  # RFC 6570 level 1, which Channel Object's `address` takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """Everything that a document says. `warnings` are what the walker could not make out; they are never written into it.

    `payload_readers` know the payloads of a framework, and are asked first. `not_enforced` are security schemes, as Security
    Scheme Objects, that something other than a policy declares.
    """

    title: str
    version: str = "1.0.0"
    description: str = ""
    servers: tuple[Server, ...] = ()
    channels: tuple[Channel, ...] = ()
    warnings: tuple[str, ...] = ()
    payload_readers: tuple[PayloadReader, ...] = ()
    not_enforced: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class PayloadReader(Protocol):
    """What writes a framework's own kind of payload, such as serializers. `name` is for people; a module will do."""

    @property
    def name(self) -> str: ...

    def reads(self, payload: Any) -> bool:
        """Whether a payload is of its kind; tells without importing anything."""

    def schemas(self, payloads: Sequence[tuple[Any, str]]) -> tuple[list[Any], dict[str, Any]]:
        """Write pairs of a payload and a direction, as every module of `wsauth.asyncapi.payloads` does."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where clients connect. `host` may carry a port; `pathname` is what stands before every channel's address.

    `variables` are Server Variable Objects for the `{names}` in `host` and `pathname`.
    """

    name: str
    host: str
    protocol: str = "wss"
    pathname: str = ""
    title: str = ""
    description: str = ""
    variables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def from_url(cls, name: str, url: str, *, title: str = "", description: str = "") -> Server:
        """Take a server from an address such as "wss://api.example.com:8443/base"; http becomes ws, https wss.

        Raises ConfigurationError for anything else, and for an address with a user, a query or a fragment.
        """
        try:
            parts = urlsplit(url)
        except ValueError:
            parts = urlsplit("")
        protocol = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
        if protocol not in ("ws", "wss") or not parts.netloc or "@" in parts.netloc or parts.query or parts.fragment:
            # Not quoted: it may hold a password.
            raise ConfigurationError(
                f'Server {name!r}: the address is not one of a WebSocket server; write "wss://api.example.com"'
            )
        return cls(name, parts.netloc, protocol, parts.path.rstrip("/"), title, description)

    @property
    def origin(self) -> str:
        """Protocol and host, as "wss://api.example.com:8443"."""
        return f"{self.protocol}://{self.host}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One address that clients connect to, and what guards it.

    `address` is a path with `{name}` for what varies, as "/ws/chat/{room}/". `name` is a hint for the channel's key, such
    as the name of the route; without one, the address gives it. `policies` are those that stand around the channel,
    outermost first; empty means that nothing of wsauth guards it, and the document says so. `unknown` names middleware
    around the channel that the walker does not know: it may authenticate too, so it is warned about.
    """

    address: str
    name: str = ""
    title: str = ""
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    query: tuple[Parameter, ...] = ()
    headers: tuple[Parameter, ...] = ()
    policies: tuple[Policy | ReportOnly, ...] = ()
    unknown: tuple[str, ...] = ()
    operations: tuple[Operation, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The names in braces, in the order of the address, each once."""
        return tuple(dict.fromkeys(_PARAMETER.findall(self.address)))


@dataclass(frozen=True, slots=True)
class Parameter:
    """What varies in an address, in the query or in the headers.

    `schema` is a JSON Schema: AsyncAPI 3 takes it for query and headers (WebSockets binding 0.1.0) and has no place for
    it in an address (Parameter Object), where it becomes an extension. `required` is for query and headers only.
    """

    name: str
    description: str = ""
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    default: str | None = None
    enum: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that can be said on a channel: "receive" where the client sends, "send" where the application does.

    `name` is for people and for the operation's key; `replies` are the messages that may answer this one.
    """

    action: Action
    message: Message
    name: str = ""
    title: str = ""
    summary: str = ""
    description: str = ""
    replies: tuple[Message, ...] = ()
    tags: tuple[str, ...] = ()
    deprecated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message. `payload` is a type, a serializer, a JSON Schema, or None where nothing is known of it.

    `discriminator` is a member that every such message carries and its value, as ("action", "request_ride"); a payload
    that declares that member itself keeps its own. `content_type` is found from the payload where it is empty.
    """

    name: str
    payload: Any = None
    discriminator: tuple[str, str] | None = None
    title: str = ""
    summary: str = ""
    description: str = ""
    examples: tuple[Example, ...] = ()
    content_type: str = ""
    tags: tuple[str, ...] = ()
    deprecated: bool = False

    def discriminated_by(self, member: str | None) -> Message:
        """Return the message with its name in `member`; None takes the discriminator away."""
        return replace(self, discriminator=(member, self.name) if member else None)


@dataclass(frozen=True, slots=True)
class Example:
    """A message as it may look on the wire (Message Example Object)."""

    payload: Any
    name: str = ""
    summary: str = ""
