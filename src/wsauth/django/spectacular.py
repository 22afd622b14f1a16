"""Settings of a project that was written for django-channels-spectacular: `CHANNELS_SPECTACULAR_SETTINGS`.

What they say about titles and servers is taken. What they say about authentication guards nothing: schemes that no policy
enforces are listed as such in the document, and required nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from django.conf import settings

from wsauth.asyncapi import Server
from wsauth.asyncapi.extensions import SESSION
from wsauth.core.errors import ConfigurationError
from wsauth.core.locations import Query
from wsauth.policy import Policy

NAME = "CHANNELS_SPECTACULAR_SETTINGS"
LOCAL = "localhost:8000"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectacularSettings:
    """The settings by their own names, in lower case. A setting of None is one that is not there."""

    title: str = "WebSocket API"
    version: str = "1.0.0"
    description: str = ""
    servers: Mapping[str, Any] | None = None
    ws_host: str | None = None
    ws_protocol: str | None = None
    channel_path: str | None = None
    auth_query_param: str | None = None
    auth_cookie_name: str | None = None
    try_it_out_enabled: bool = False
    try_it_out_expanded: bool = False

    @classmethod
    def read(cls) -> SpectacularSettings:
        """Read the project's settings, each time anew. Raises ConfigurationError where they are of another shape."""
        found = getattr(settings, NAME, None) or {}
        if not isinstance(found, Mapping):
            raise ConfigurationError(
                f'{NAME} is a {type(found).__name__}; write a dict, as {{"TITLE": "Dispatch API"}}'
            )
        values = {field.name: found.get(field.name.upper()) for field in fields(cls)}
        read = cls(**{name: value for name, value in values.items() if value is not None})
        if read.servers is not None:
            servers_from(read.servers)
        if read.ws_protocol not in (None, "ws", "wss"):
            raise ConfigurationError(f'{NAME}: WS_PROTOCOL is {read.ws_protocol!r}; write "wss" or "ws"')
        return read

    def declared(self) -> dict[str, dict[str, Any]]:
        """Return the security schemes that the settings declare, for `document(not_enforced=…)`."""
        schemes: dict[str, dict[str, Any]] = {}
        if self.auth_query_param:
            schemes["queryToken"] = {"type": "httpApiKey", "in": "query", "name": self.auth_query_param}
        if self.auth_cookie_name:
            is_session = self.auth_cookie_name == settings.SESSION_COOKIE_NAME
            written = {"type": "httpApiKey", "in": "cookie", "name": self.auth_cookie_name}
            schemes["session" if is_session else "cookieJWT"] = {**written, **({SESSION: True} if is_session else {})}
        return schemes

    def servers_at(self, host: str, *, secure: bool, pathname: str = "") -> tuple[Server, ...]:
        """Return the servers of the settings, or else the one at `host`, where the settings name no other."""
        if self.servers:
            return servers_from(self.servers)
        protocol = self.ws_protocol or ("wss" if secure else "ws")
        if self.ws_host:
            return (_server("default", {"host": self.ws_host, "protocol": protocol}),)
        return (Server("default", host, protocol, pathname),)

    def disagreements(self, policy: Policy) -> Iterator[tuple[str, str, str]]:
        """Yield what the settings declare and the policy does not enforce: the setting, its value, the scheme to write."""
        queries = {scheme.location.name for scheme in policy.schemes if isinstance(scheme.location, Query)}
        cookies = {getattr(scheme.location, "name", None) for scheme in policy.ambient}
        if self.auth_query_param and self.auth_query_param not in queries:
            yield "AUTH_QUERY_PARAM", self.auth_query_param, f'Query("{self.auth_query_param}")'
        if self.auth_cookie_name and self.auth_cookie_name not in cookies:
            is_session = self.auth_cookie_name == settings.SESSION_COOKIE_NAME
            location = "SessionCookie()" if is_session else f'Cookie("{self.auth_cookie_name}")'
            yield "AUTH_COOKIE_NAME", self.auth_cookie_name, location


def servers_from(found: object) -> tuple[Server, ...]:
    """Take servers from a mapping of names to Server Objects. Their `security` is not taken: only a policy says that."""
    if not isinstance(found, Mapping) or not all(isinstance(server, Mapping) for server in found.values()):
        raise ConfigurationError(
            f'the servers are {found!r}; write {{"production": {{"host": "api.example.com", "protocol": "wss"}}}}'
        )
    return tuple(_server(str(name), server) for name, server in found.items())


def _server(name: str, written: Mapping[str, Any]) -> Server:
    host, texts = str(written.get("host") or ""), {key: str(written.get(key) or "") for key in ("title", "description")}
    address = host if "://" in host else f"{written.get('protocol') or 'wss'}://{host}{written.get('pathname') or ''}"
    if not host:
        raise ConfigurationError(f'server {name!r} has no host; write {{"host": "api.example.com", "protocol": "wss"}}')
    server = Server.from_url(name, address, **texts)
    variables = written.get("variables") or {}
    return Server(name, server.host, server.protocol, server.pathname, **texts, variables=variables)
