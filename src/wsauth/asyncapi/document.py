"""The AsyncAPI document of an application: its channels, what is said on them, and the security that is enforced.

Security comes from the `Policy` objects around each channel and from nothing else. Writes a dict; see `text` for text.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

from wsauth.asyncapi import extensions, messages, naming
from wsauth.asyncapi.bindings import channel_bindings
from wsauth.asyncapi.closing import close_codes
from wsauth.asyncapi.messages import DEFAULT_CONTENT_TYPE, Messages
from wsauth.asyncapi.model import Application, Channel, Parameter, Server
from wsauth.asyncapi.operations import Operations, Perspective
from wsauth.asyncapi.schemas import Schemas
from wsauth.asyncapi.security import Guard, SchemeKeys, guard, is_described
from wsauth.asyncapi.text import plain
from wsauth.core.errors import ConfigurationError
from wsauth.policy import Policy

Version = Literal["3.0.0", "3.1.0"]
Warn = Callable[[str], object]

logger = logging.getLogger("wsauth")


def document(
    source: Application | Policy,
    *,
    asyncapi: Version = "3.0.0",
    perspective: Perspective = "application",
    not_enforced: Mapping[str, Mapping[str, Any]] | None = None,
    warn: Warn = logger.warning,
    title: str = "",
    version: str = "",
    description: str = "",
    servers: Iterable[Server] = (),
    channels: Iterable[Channel] = (),
) -> dict[str, Any]:
    """Return the document, of plain JSON types, the same for the same application.

    `source` is what a walker found, or a policy, which then guards every one of `channels`. Title, version, description,
    servers and channels that are given replace the application's. `perspective="client"` swaps send and receive, for code
    generators. `not_enforced` are security schemes that something other than a policy declares: they are listed as such and
    required nowhere. `warn` is called with each thing that the application's owner should look at; by default they are
    logged.

    Raises ConfigurationError for a payload that cannot be described.
    """
    _check("asyncapi", asyncapi, get_args(Version))
    _check("perspective", perspective, get_args(Perspective))
    application = _application(source, tuple(channels))
    application = replace(
        application,
        title=title or application.title,
        version=version or application.version,
        description=description or application.description,
        servers=tuple(servers) or application.servers,
    )
    around = (source,) if isinstance(source, Policy) else ()
    return _Writer(application, around, perspective, warn).write(asyncapi, not_enforced or application.not_enforced)


def _check(setting: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ConfigurationError(f"document({setting}={value!r}): write {' or '.join(map(repr, known))}")


def _application(source: Application | Policy, channels: tuple[Channel, ...]) -> Application:
    if isinstance(source, Policy):
        guarded = tuple(replace(channel, policies=(source, *channel.policies)) for channel in channels)
        return Application(title="WebSockets", channels=guarded)
    if not isinstance(source, Application):
        raise ConfigurationError(f"document({type(source).__name__}): write document(policy) or document(application)")
    return replace(source, channels=channels) if channels else source


class _Writer:
    """One document in the making. Everything that several parts need is found out first."""

    def __init__(
        self, application: Application, around: Sequence[Policy], perspective: Perspective, warn: Warn
    ) -> None:
        self.application = application
        self.perspective = perspective
        self.warn = warn
        self.channels = list(zip(naming.channel_keys(application.channels), application.channels, strict=True))
        self.guards = {key: guard(channel.policies) for key, channel in self.channels}
        self.everywhere = guard(around) if around and not self.channels else _common(self.guards.values())
        self.codes = _common_codes([*self.guards.values()] or [self.everywhere or Guard()])
        self.keys = SchemeKeys()
        wanted = (one for _, channel in self.channels for one in messages.wanted(channel))
        self.schemas = Schemas(wanted, application.payload_readers)
        self.messages = {key: Messages(channel, self.schemas) for key, channel in self.channels}
        self.components, self.names = messages.components(list(self.messages.items()), self.schemas.components.schemas)
        self.on_server = self.everywhere is not None and bool(application.servers)

    def write(self, asyncapi: Version, not_enforced: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        for warning in self.application.warnings:
            self.warn(warning)
        servers = {key: self._server(server) for key, server in self._servers()}
        channels = {key: self._channel(key, channel) for key, channel in self.channels}
        operations = Operations(self.messages, self.perspective, self._security_of).write(self.channels)
        declared = self.keys.add_not_enforced(not_enforced)
        written = {
            "asyncapi": asyncapi,
            "info": self._info(),
            "defaultContentType": DEFAULT_CONTENT_TYPE,
            "servers": servers,
            "channels": channels,
            "operations": operations,
            "components": self._components(),
            **({extensions.PERSPECTIVE: "client"} if self.perspective == "client" else {}),
            **({extensions.NOT_ENFORCED: declared} if declared else {}),
            **self.codes,
        }
        result: dict[str, Any] = plain({name: value for name, value in written.items() if value or name == "channels"})
        return result

    def _info(self) -> dict[str, Any]:
        application = self.application
        info = {"title": application.title, "version": application.version}
        return {**info, **({"description": application.description} if application.description else {})}

    def _components(self) -> dict[str, Any]:
        payloads = [message["payload"] for message in self.components.values() if "payload" in message]
        sections = {
            "messages": self.components,
            "schemas": self.schemas.components.prune(payloads),
            "securitySchemes": self.keys.written,
        }
        return {name: section for name, section in sections.items() if section}

    # Servers

    def _servers(self) -> Iterable[tuple[str, Server]]:
        names = naming.distinct(naming.key(server.name, "default") for server in self.application.servers)
        return zip(names, self.application.servers, strict=True)

    def _server(self, server: Server) -> dict[str, Any]:
        written = {
            "host": server.host,
            "protocol": server.protocol,
            "pathname": server.pathname,
            "title": server.title,
            "description": server.description,
            "variables": dict(server.variables),
            **(self._security(self.everywhere) if self.on_server and self.everywhere else {}),
        }
        return {name: value for name, value in written.items() if value}

    # Channels

    def _channel(self, key: str, channel: Channel) -> dict[str, Any]:
        guarded = self.guards[key]
        self._warn_about(channel, guarded)
        return {
            "address": channel.address,
            **{name: text for name in ("title", "description") if (text := getattr(channel, name))},
            **({"parameters": parameters} if (parameters := self._parameters(channel)) else {}),
            **({"messages": carried} if (carried := self._carried(key)) else {}),
            **({"tags": messages.tags(channel.tags)} if channel.tags else {}),
            "bindings": channel_bindings(channel, guarded),
            **self._guarding(channel, guarded),
        }

    def _carried(self, key: str) -> dict[str, Any]:
        return {
            carried.key: {"$ref": f"#/components/messages/{self.names[key, carried.key]}"}
            for carried in self.messages[key].carried
        }

    def _parameters(self, channel: Channel) -> dict[str, Any]:
        """Write exactly the parameters of the address (3.0.0, Channel Object); one that is not documented is empty."""
        known = {parameter.name: parameter for parameter in channel.parameters}
        for name in sorted({*known} - {*channel.placeholders}):
            self.warn(f"{channel.address}: parameter {name!r} is documented and is not in the address; left out")
        return {name: _parameter(known.get(name, Parameter(name))) for name in channel.placeholders}

    def _guarding(self, channel: Channel, guarded: Guard) -> dict[str, Any]:
        written: dict[str, Any] = {}
        if guarded.enforced:
            schemes = [self.keys.key(scheme) for scheme in guarded.schemes]
            written[extensions.SECURITY] = {"schemes": schemes, "optional": guarded.optional}
        else:
            written[extensions.UNGUARDED] = True
        if guarded.report_only:
            written[extensions.REPORT_ONLY] = True
        if channel.unknown:
            written[extensions.UNRECOGNISED] = True
        return {**written, **({} if self.codes else _close_codes(guarded))}

    def _warn_about(self, channel: Channel, guarded: Guard) -> None:
        if guarded.report_only and not guarded.enforced:
            self.warn(f"{channel.address}: its policy is ReportOnly, which refuses nobody; documented as unguarded")
        elif not guarded.enforced:
            self.warn(f"{channel.address}: no policy guards it; put WebSocketAuthMiddleware(..., policy) around it")
        for name in channel.unknown:
            self.warn(f"{channel.address}: wsauth does not know {name}; what it enforces is not documented")
        if guarded.closed:
            self.warn(
                f"{channel.address}: its policies share no scheme, so nobody can connect; name one in each of them"
            )
        for scheme in guarded.schemes:
            if not is_described(scheme):
                self.warn(
                    f"{channel.address}: AsyncAPI has no word for the place of scheme {scheme.name!r}; give"
                    f" {type(scheme.location).__name__} a method security_scheme() that returns a Security Scheme Object"
                )

    # Security

    def _security_of(self, key: str) -> dict[str, Any]:
        return {} if self.on_server else self._security(self.guards[key])

    def _security(self, guarded: Guard) -> dict[str, Any]:
        """Write the alternatives, of which one suffices (3.0.0, Operation Object). An empty list would say nothing."""
        references = [{"$ref": f"#/components/securitySchemes/{self.keys.key(scheme)}"} for scheme in guarded.schemes]
        return {
            **({"security": references} if references else {}),
            **({extensions.OPTIONAL: True} if guarded.optional else {}),
        }


def _common(guards: Iterable[Guard]) -> Guard | None:
    """Return the guard that all channels share, if there is one and it guards."""
    listed = list(guards)
    if not listed or not listed[0].enforced:
        return None
    first = listed[0]
    alike = all((one.enforced, one.schemes, one.optional) == (True, first.schemes, first.optional) for one in listed)
    return first if alike else None


def _close_codes(guarded: Guard) -> dict[str, Any]:
    if not guarded.enforced:
        return {}
    return {extensions.CLOSE_CODES: close_codes(policy.close_profile for policy in guarded.policies)}


def _common_codes(guards: Iterable[Guard]) -> dict[str, Any]:
    """Return the close codes of all guarded channels where they are the same; the table is long."""
    first, *others = [_close_codes(guarded) for guarded in guards if guarded.enforced] or [{}]
    return first if all(other == first for other in others) else {}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    written = {
        "description": parameter.description,
        "default": parameter.default,
        "enum": list(parameter.enum),
        "examples": list(parameter.examples),
        extensions.PARAMETER_SCHEMA: dict(parameter.schema) if parameter.schema != {"type": "string"} else {},
    }
    return {name: value for name, value in written.items() if value not in ("", None, [], {})}
