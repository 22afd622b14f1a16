"""What the page answers to a path, as a value. No framework, no ASGI.

A Django view or a Starlette route hands over the path below its own address and copies status, headers and body.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from wsauth.core.errors import ConfigurationError
from wsauth.panel import files

Document = Mapping[str, Any]
DocumentFunction = Callable[[MutableMapping[str, Any]], Document]
Documents = Document | DocumentFunction | Mapping[str, Document | DocumentFunction]

Headers = tuple[tuple[str, str], ...]

# Nothing runs but this page's own files, nothing is loaded from elsewhere, and no text can become markup (CSP Level 3,
# Trusted Types). 'self' in connect-src covers ws: and wss: of the page's own host (CSP3 §6.7.2.8).
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src {connect}; img-src 'self'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The page's settings. `documents` is an AsyncAPI document, a function of the scope, or several of them by name.

    `try_it_out` offers to connect and send; without it one can only read. `expanded` opens that column at once. `whoami` is
    an address on the same site that answers JSON with a `username`, null for nobody; the page asks it about the session.
    `server` is where sockets are, if not on the page's own host: "wss://ws.example.com". No document ever decides that.
    """

    documents: Documents
    try_it_out: bool = False
    expanded: bool = False
    whoami: str | None = None
    title: str | None = None
    server: str | None = None
    _named: Mapping[str, Document | DocumentFunction] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_named", _by_name(self.documents))
        if self.whoami is not None and (not self.whoami.startswith("/") or self.whoami[1:2] in ("/", "\\")):
            raise ConfigurationError(f'panel(whoami={self.whoami!r}): write a path of this site, as "/api/me/"')
        if self.server is not None:
            _check_server(self.server)

    def serve(
        self,
        path: str,
        scope: MutableMapping[str, Any] | None = None,
        *,
        method: str = "GET",
        if_none_match: str | None = None,
    ) -> Response:
        """Answer a request for `path`, which stands below the page's own address: "" is the page itself.

        The page's address must end with "/": its files are named relative to it. `scope` goes to document functions.
        """
        if method not in ("GET", "HEAD"):
            return self._respond(405, "text/plain", b"method not allowed", ("allow", "GET, HEAD"))
        name = path.removeprefix("/") or "index.html"
        if name == "config.json":
            return self._json(self._config())
        if name in (known := self._addresses()):
            document = self._named[known[name]]
            return self._json(document({} if scope is None else scope) if callable(document) else document)
        file = files.STATIC.get(name)
        if file is None:
            return self._respond(404, "text/plain", b"not found")
        headers = (("cache-control", "private, no-cache"), ("etag", file.etag))
        if if_none_match is not None and file.etag in if_none_match:
            return self._respond(304, file.type, b"", *headers)
        return self._respond(200, file.type, file.body, *headers)

    def _addresses(self) -> dict[str, str]:
        """Where each document is: a single one at asyncapi.json, several under their names; the first at both."""
        first = next(iter(self._named))
        return {"asyncapi.json": first, **{f"asyncapi/{name}.json": name for name in self._named}}

    def _config(self) -> dict[str, Any]:
        single = len(self._named) == 1
        return {
            "tryItOut": self.try_it_out,
            "expanded": self.try_it_out and self.expanded,
            "whoami": self.whoami if self.try_it_out else None,
            "title": self.title,
            "server": self.server,
            "specs": [
                {"name": name, "url": "asyncapi.json" if single else f"asyncapi/{quote(name)}.json"}
                for name in self._named
            ],
        }

    def _json(self, value: Any) -> Response:
        body = json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8", "backslashreplace")
        return self._respond(200, "application/json", body, ("cache-control", "no-store"))

    def _respond(self, status: int, kind: str, body: bytes, *headers: tuple[str, str]) -> Response:
        connect = "'self'" if self.server is None else f"'self' {self.server.rstrip('/')}"
        return Response(
            status,
            (
                ("content-type", f"{kind}; charset=utf-8" if kind.startswith("text/") else kind),
                ("content-security-policy", _POLICY.format(connect=connect)),
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "no-referrer"),
                ("cross-origin-opener-policy", "same-origin"),
                ("cross-origin-resource-policy", "same-origin"),
                *headers,
            ),
            body,
        )


def _by_name(documents: Documents) -> Mapping[str, Document | DocumentFunction]:
    if callable(documents) or (isinstance(documents, Mapping) and "asyncapi" in documents):
        return {"": documents}
    if not isinstance(documents, Mapping) or not documents:
        raise ConfigurationError("panel(...): write an AsyncAPI document, a function of the scope, or {name: document}")
    for name, document in documents.items():
        if not isinstance(name, str) or not name or name.startswith("/"):
            raise ConfigurationError(f'panel({{{name!r}: ...}}): write a name for people, as {{"Chat": document}}')
        if not callable(document) and not (isinstance(document, Mapping) and "asyncapi" in document):
            raise ConfigurationError(f"panel({{{name!r}: ...}}): this is neither an AsyncAPI document nor a function")
    return {**documents}


def _check_server(server: str) -> None:
    try:
        parts = urlsplit(server)
    except ValueError:
        parts = urlsplit("")
    plain = not ("@" in parts.netloc or parts.query or parts.fragment or parts.path.strip("/"))
    if parts.scheme not in ("ws", "wss") or not parts.hostname or not plain or any(mark in server for mark in " ;,'\""):
        # Not quoted: it may hold a password.
        raise ConfigurationError('panel(server=…): write scheme and host only, as "wss://ws.example.com"')
