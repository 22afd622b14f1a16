"""The AsyncAPI document of a Django project: of its running application, or of single consumers.

Addresses, parameters and policies come from the running application, also where consumers are named: naming one does not
say what guards it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, Literal, TypeAlias

from wsauth.asyncapi import Application, Channel, Server, document, documented, to_yaml
from wsauth.asyncapi.text import plain
from wsauth.core.errors import ConfigurationError
from wsauth.django import serializers
from wsauth.django.spectacular import LOCAL, SpectacularSettings, servers_from
from wsauth.django.walker import TITLE, Route, routes, title, walk

logger = logging.getLogger("wsauth")

Consumers: TypeAlias = Iterable[type | tuple[type, str | None]]


def describe(
    consumers: Consumers | None = None,
    *,
    servers: Iterable[Server] = (),
    info: Mapping[str, Any] | None = None,
    perspective: Literal["application", "client"] = "application",
    application: Any = None,
    warn: Callable[[str], object] = logger.warning,
) -> dict[str, Any]:
    """Return the document of the running application; of some of its consumers, where these are given.

    A consumer is a class, or a class and its address where that is not what the application says (behind a proxy, or
    before it is routed). `info` goes before what the settings say. `application` is an ASGI application, if not the one
    of ASGI_APPLICATION.
    """
    found = walk(application) if consumers is None else _of_consumers(list(consumers), application)
    source = _under(SpectacularSettings.read(), found)
    written = document(source, servers=servers, perspective=perspective, warn=warn)
    return {**written, "info": {**written["info"], **plain(info or {})}}


def running(application: Any) -> Application:
    """Return what a running application says, under the project's settings; without a server where these name none."""
    settings = SpectacularSettings.read()
    named = settings.servers or settings.ws_host
    servers = settings.servers_at(LOCAL, secure=False) if named else ()
    return replace(_under(settings, walk(application)), servers=servers)


def _under(settings: SpectacularSettings, found: Application) -> Application:
    return replace(
        found,
        title=settings.title or found.title,
        version=settings.version or found.version,
        description=settings.description,
        not_enforced=settings.declared(),
    )


@lru_cache(maxsize=1000)
def warn_once(text: str) -> None:
    """Log a warning the first time it is given: a page is asked for again and again."""
    logger.warning(text)


def _of_consumers(consumers: list[type | tuple[type, str | None]], application: Any) -> Application:
    found, warnings = _routes(application)
    channels: list[Channel] = []
    for entry in consumers:
        consumer, path = entry if isinstance(entry, tuple | list) else (entry, None)
        if not isinstance(consumer, type):
            raise ConfigurationError(f"{consumer!r} is no consumer class; write consumers=[ChatConsumer]")
        theirs = [route for route in found if route.consumer is consumer]
        channels += _channels(consumer, path, theirs, warnings)
    return Application(title=TITLE, channels=tuple(channels), warnings=tuple(warnings), payload_readers=(serializers,))


def _routes(application: Any) -> tuple[list[Route], list[str]]:
    """Return the routes of the application without the remarks on the others; none where nothing is running yet."""
    try:
        found, _ = routes(application)
    except ConfigurationError as error:
        return [], [str(error)]
    return found, []


def _channels(consumer: type, path: str | None, theirs: list[Route], warnings: list[str]) -> list[Channel]:
    """Return the channels of one consumer, at the given address where there is one."""
    if path is None:
        otherwise = SpectacularSettings.read().channel_path or "/"
        return [route.channel for route in theirs] or [_unrouted(consumer, otherwise, warnings)]
    path = "/" + path.lstrip("/")
    exact = [route.channel for route in theirs if _shape(route.channel.address) == _shape(path)]
    if exact or not theirs:
        return exact or [_unrouted(consumer, path, warnings)]
    first = theirs[0].channel
    if any((other.channel.policies, other.channel.unknown) != (first.policies, first.unknown) for other in theirs):
        return [_unrouted(consumer, path, warnings)]
    warnings.append(f"{path}: the application routes {consumer.__name__} at {first.address}; documented as you say")
    return [replace(first, address=path)]


def _unrouted(consumer: type, path: str, warnings: list[str]) -> Channel:
    warnings.append(
        f"{path}: no route of the running application leads {consumer.__name__} here; what guards it is unknown"
    )
    operations = documented(consumer, action_member="action", event_member="type")
    return Channel(address=path, title=title(consumer), operations=operations)


def _shape(address: str) -> str:
    return re.sub(r"\{[^{}]*\}", "{}", address)


class AsyncAPIGenerator:
    """The document of consumers, for code that was written for django-channels-spectacular."""

    def __init__(
        self,
        consumer: type | None = None,
        *,
        consumers: Consumers | None = None,
        info: Mapping[str, Any] | None = None,
        servers: Mapping[str, Any] | None = None,
        channel_path: str | None = None,
    ) -> None:
        if consumer is not None:
            consumers = [(consumer, channel_path)]
        self._consumers = None if consumers is None else list(consumers)
        self._info = info
        self._servers = servers

    def get_spec(self) -> dict[str, Any]:
        """Return the document."""
        servers = (
            servers_from(self._servers) if self._servers else SpectacularSettings.read().servers_at(LOCAL, secure=False)
        )
        return describe(self._consumers, servers=servers, info=self._info)

    def get_yaml(self) -> str:
        """Return the document as YAML."""
        return to_yaml(self.get_spec())
