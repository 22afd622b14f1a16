"""Views of the AsyncAPI document: `AsyncAPISpecView` for programs, `AsyncAPIDocView` for people.

    path("asyncapi/", AsyncAPIDocView.as_view()),
    path("asyncapi.json", AsyncAPISpecView.as_view()),

Both describe the running application; `consumer`, `consumers` or `specs` say otherwise. The page's own files are served by
the view itself, at its own address with `?file=…`: there is nothing to collect and no other route to write.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, ClassVar, Literal
from urllib.parse import quote, urlsplit

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.views import View

from wsauth.asyncapi import Server, to_json, to_yaml
from wsauth.core.errors import ConfigurationError
from wsauth.django.documents import Consumers, describe, warn_once
from wsauth.django.spectacular import SpectacularSettings, servers_from
from wsauth.panel import Page

Document = Mapping[str, Any]

_FILE = re.compile(rb'(?<=[("\'= ])(?:\./)?((?:vendor/)?[\w-]+\.(?:js|css|svg)|config\.json)(?=["\'])')


class AsyncAPISpecView(View):  # type: ignore[misc]  # Django has no types
    """The document, as JSON; as YAML for `?format=yaml`, for an address that ends so, or where Accept asks for it.

    Without `consumer` or `consumers` it is that of the running application. `channel_path` is the address of `consumer`
    where the application does not say it. `servers` are Server Objects by name; without them those of the settings, or
    the host of the request. `allowed` is a function of the request: whoever does not get True from it gets 404.
    """

    consumer: type | None = None
    consumers: Consumers | None = None
    channel_path: str | None = None
    info: Mapping[str, Any] | None = None
    servers: Mapping[str, Any] | None = None
    perspective: Literal["application", "client"] = "application"
    application: Any = None
    allowed: Callable[[HttpRequest], bool] | None = None
    http_method_names: ClassVar[list[str]] = ["get", "head", "options"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.allowed is not None and self.allowed(request) is not True:
            raise Http404
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        document = self.document(request)
        text, kind = (to_yaml(document), "yaml") if _wants_yaml(request) else (to_json(document), "json")
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Vary": "Accept"}
        response = HttpResponse(text, content_type=f"application/{kind}", headers=headers)
        response.asyncapi = document  # for a page that shows it
        return response

    def document(self, request: HttpRequest) -> dict[str, Any]:
        """Return the document, with the server that the request came to. Raises DisallowedHost for a foreign one."""
        consumers = self.consumers if self.consumer is None else [(self.consumer, self.channel_path)]
        return describe(
            consumers,
            servers=self._servers(request),
            info=self.info,
            perspective=self.perspective,
            application=self.application,
            warn=warn_once,
        )

    def _servers(self, request: HttpRequest) -> tuple[Server, ...]:
        if self.servers is not None:
            return servers_from(self.servers)
        pathname = request.META.get("SCRIPT_NAME", "").rstrip("/")
        return SpectacularSettings.read().servers_at(request.get_host(), secure=request.is_secure(), pathname=pathname)


class AsyncAPIDocView(AsyncAPISpecView):
    """The page of the document, where one can read and, with `try_it_out`, connect.

    `specs` are several documents by name, with a switcher: a consumer class, a list of them, a document, or the address
    of an AsyncAPISpecView of the same site. With none of the arguments it shows the AsyncAPISpecView that is routed at
    `asyncapi.yaml` or `asyncapi.json` below it, or else the running application. Try-it-out is off unless the setting
    TRY_IT_OUT_ENABLED or the argument turns it on. `whoami`, `title` and `server` are those of `wsauth.panel.Page`; sockets
    on another host are found by the setting WS_HOST too.
    """

    specs: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None
    spec_url: str | None = None
    try_it_out: bool | None = None
    expanded: bool | None = None
    whoami: str | None = None
    title: str | None = None
    server: str | None = None

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        name = request.GET.get("file", "")
        found = self.page(request).serve(
            name, method=request.method, if_none_match=request.headers.get("If-None-Match")
        )
        here = "./" + quote(request.path.rpartition("/")[2], safe="")
        response = HttpResponse(_addressed(found.body, name, here), status=found.status)
        for header, value in found.headers:
            response.headers[header] = value
        return response

    def page(self, request: HttpRequest) -> Page:
        """Return the page for a request."""
        settings = SpectacularSettings.read()
        return Page(
            documents=self._documents(request),
            try_it_out=settings.try_it_out_enabled if self.try_it_out is None else self.try_it_out,
            expanded=settings.try_it_out_expanded if self.expanded is None else self.expanded,
            whoami=self.whoami,
            title=self.title,
            server=self.server or _elsewhere(settings, request),
        )

    def _documents(self, request: HttpRequest) -> Any:
        if self.specs is not None:
            listed = self.specs.items() if isinstance(self.specs, Mapping) else self.specs
            return {str(name).strip(): self._spec(request, spec) for name, spec in listed}
        if self.spec_url is not None:
            return self._spec(request, self.spec_url)
        if self.consumer is None and self.consumers is None and self.application is None:
            return _beside(request) or partial(self._own, request)
        return partial(self._own, request)

    def _own(self, request: HttpRequest, scope: Any) -> Document:
        return self.document(request)

    def _spec(self, request: HttpRequest, spec: Any) -> Any:
        """Return the document that an entry of `specs` stands for, or a function that does."""
        if isinstance(spec, str):
            if (found := _routed(request, spec)) is None:
                raise ConfigurationError(
                    f"AsyncAPIDocView(specs=…): {spec!r} leads to no AsyncAPISpecView; write its whole path, or the consumer"
                )
            return found
        if isinstance(spec, Mapping):
            return spec
        consumers = [spec] if isinstance(spec, type) else spec
        view = AsyncAPISpecView(consumers=consumers, info=self.info, servers=self.servers, application=self.application)
        return lambda scope: view.document(request)


def _wants_yaml(request: HttpRequest) -> bool:
    asked, path = str(request.GET.get("format", "")).lower(), str(request.path)
    if asked in ("json", "yaml", "yml"):
        return asked != "json"
    if path.endswith((".yaml", ".yml", ".json")):
        return not path.endswith(".json")
    accept = str(request.headers.get("Accept", "")).lower()
    return "yaml" in accept and "json" not in accept


def _addressed(body: bytes, name: str, here: str) -> bytes:
    """Let the page's files name each other, and its documents, as files of the address `here`."""
    if name == "config.json":
        config = json.loads(body)
        for spec in config["specs"]:
            spec["url"] = f"{here}?file={spec['url']}"
        return json.dumps(config).encode()
    if name in ("", "index.html") or (name.endswith(".js") and not name.startswith("vendor/")):
        return _FILE.sub(here.encode() + rb"?file=\1", body)
    return body


def _elsewhere(settings: SpectacularSettings, request: HttpRequest) -> str | None:
    """Return where sockets are, if the settings name another host than the page's."""
    if not settings.ws_host or settings.ws_host == request.get_host():
        return None
    [server] = SpectacularSettings(ws_host=settings.ws_host, ws_protocol=settings.ws_protocol).servers_at(
        "", secure=request.is_secure()
    )
    return server.origin


def _beside(request: HttpRequest) -> Any:
    """Find the view of the document that is routed below the page, as projects on django-channels-spectacular do."""
    below = request.path_info.rstrip("/") + "/asyncapi."
    return next((found for kind in ("yaml", "json") if (found := _routed(request, below + kind)) is not None), None)


def _routed(request: HttpRequest, address: str) -> Any:
    """Return a function that asks the AsyncAPISpecView at an address of this site for its document.

    The whole view is asked, with the decorators around it: whom it shows nothing, the page shows nothing.
    """
    try:
        path = urlsplit(address).path.removeprefix(request.META.get("SCRIPT_NAME", "").rstrip("/"))
        match = resolve(path, getattr(request, "urlconf", None))
    except Resolver404:
        return None
    cls = getattr(match.func, "view_class", None)
    if not (isinstance(cls, type) and issubclass(cls, AsyncAPISpecView)):
        return None

    def document(scope: Any) -> Document:
        response = match.func(request, *match.args, **match.kwargs)
        found: Document | None = getattr(response, "asyncapi", None)
        if found is None:
            raise Http404
        return found

    return document
