"""The command line: `wsauth asyncapi module:app` writes the AsyncAPI document of an application, or compares it with a file.

Exit codes: 0, it is as it should be · 1, `--check` has found something · 2, it could not be done. The document goes to
standard output, everything else to standard error.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import wsauth
from wsauth.asyncapi import Application, Server, document, lint, to_json, to_yaml
from wsauth.core.errors import ConfigurationError
from wsauth.core.origins import SameHost
from wsauth.policy import Policy, ReportOnly

_DIFFERENCES = 40  # lines of a diff that one reads

# The framework of an application, by where its class comes from: the module that knows it, and the function that describes
# it. By name: the command knows no framework, and loads none but the application's own.
_ADAPTERS = {
    "channels": ("wsauth.django.documents", "running"),
    "fastapi": ("wsauth.starlette.documentation", "describe"),
    "starlette": ("wsauth.starlette.documentation", "describe"),
}


class Failure(Exception):
    """It could not be done; the text says why, and what to write instead."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Mistakes in the command line itself leave through argparse, with 2."""
    options = _parser().parse_args(arguments)
    try:
        return _asyncapi(options)
    except (Failure, ConfigurationError, OSError) as error:
        _say(f"wsauth: {error}")
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="wsauth", description="Authentication for WebSockets on ASGI.")
    parser.add_argument("--version", action="version", version=f"wsauth {wsauth.__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    told = "write the AsyncAPI document of an application"
    asyncapi = commands.add_parser("asyncapi", help=told, description=f"{told.capitalize()}.")
    asyncapi.add_argument("app", help="where the application is, as your server takes it: module:app")
    asyncapi.add_argument("--format", choices=("json", "yaml"), help="default: by the name of the file, else json")
    target = asyncapi.add_mutually_exclusive_group()
    target.add_argument("--output", type=Path, metavar="FILE", help="write it there, not to standard output")
    target.add_argument(
        "--check",
        nargs="?",
        const="",
        metavar="FILE",
        help="write nothing; fail where the file is out of date; default: asyncapi.json",
    )
    asyncapi.add_argument("--perspective", choices=("application", "client"), default="application")
    asyncapi.add_argument("--asyncapi", choices=("3.0.0", "3.1.0"), default="3.0.0", help="version of AsyncAPI")
    asyncapi.add_argument("--server", metavar="URL", help="where the application is deployed: wss://api.example.com")
    return parser


def _asyncapi(options: argparse.Namespace) -> int:
    written = _document(options)
    findings = [str(finding) for finding in lint(written)]
    for finding in findings:
        _say(f"wsauth: {finding}")
    if options.check is not None:
        file = Path(options.check or f"asyncapi.{options.format or 'json'}")
        return 1 if _drifted(file, _format(options, file), written) or findings else 0
    text = _text(written, _format(options, options.output))
    if options.output is None:
        sys.stdout.write(text)
    else:
        options.output.write_text(text, "utf-8", newline="\n")
    return 0


def _document(options: argparse.Namespace) -> dict[str, Any]:
    servers = (Server.from_url("default", options.server),) if options.server else ()
    application = _describe(_load(options.app), options.app)
    if any(_admits_any_host(policy) for channel in application.channels for policy in channel.policies):
        _say(
            "wsauth: warning: cookies count for pages of whatever host the server is reached by, also one that somebody"
            ' points at it (DNS rebinding); write origins=SameHost(["app.example.com"]) in the policy'
        )
    return document(
        application,
        asyncapi=options.asyncapi,
        perspective=options.perspective,
        servers=servers,
        warn=lambda text: _say(f"wsauth: warning: {text}"),
    )


def _admits_any_host(found: Policy | ReportOnly) -> bool:
    policy = found.policy if isinstance(found, ReportOnly) else found
    rule = policy.origins
    return bool(policy.ambient) and isinstance(rule, SameHost) and rule.allowed_hosts is None


# The application


def _load(where: str) -> Any:
    """Import the application as a server would: the working directory is looked in first."""
    module, _, names = where.partition(":")
    if not module or not names:
        raise Failure(f'{where!r} does not say where the application is; write "module:app", as for your server')
    sys.path.insert(0, os.getcwd())
    found = _import(module)
    for name in names.split("."):
        if not hasattr(found, name):
            raise Failure(f"{module!r} has no {names!r}; write the name that your server takes, as {module}:app")
        found = getattr(found, name)
    return found


def _import(module: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise Failure(f"{module!r} needs {error.name!r}, which is not installed") from error
        raise Failure(f"there is no module {module!r} here; run this in the directory that holds it") from error
    except Exception as error:
        raise Failure(f"importing {module!r} failed with {type(error).__name__}: {error} ({_place(error)})") from error


def _place(error: Exception) -> str:
    """Return the last line of the project's own on the way to an error, or else the last one."""
    lines = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    here = os.path.join(os.getcwd(), "")
    own = [line for line in lines if line[0].startswith(here) and "site-packages" not in line[0]]
    file, line = (own or lines)[-1]
    return f"{file.removeprefix(here)}:{line}"


def _describe(app: Any, where: str) -> Application:
    framework = _framework(app)
    if framework is None:
        raise Failure(
            f"{where} is a {type(app).__qualname__}, which is no application of FastAPI, Starlette or Channels that wsauth"
            " can look into"
        )
    module, function = _ADAPTERS[framework]
    described: Application = getattr(import_module(module), function)(app)
    return described


def _framework(app: Any) -> str | None:
    """Name the framework of an application, also of one that is wrapped in middleware."""
    for _ in range(50):
        if isinstance(app, type):
            return None
        for cls in type(app).__mro__:
            framework = cls.__module__.partition(".")[0]
            if framework in _ADAPTERS and ".middleware." not in cls.__module__:
                return framework
        inside = (getattr(app, name, None) for name in ("app", "application", "inner"))
        app = next((found for found in inside if callable(found)), None)
    return None


# The file


def _format(options: argparse.Namespace, file: Path | None) -> str:
    by_name = "yaml" if file is not None and file.suffix in (".yaml", ".yml") else "json"
    return options.format or by_name


def _text(written: dict[str, Any], kind: str) -> str:
    return to_yaml(written) if kind == "yaml" else to_json(written)


def _drifted(file: Path, kind: str, written: dict[str, Any]) -> bool:
    """Compare what the document and the file mean: a formatter may have been at the file. Show what differs."""
    repair = f"write it anew with --output {file}"
    if not file.exists():
        _say(f"wsauth: {file} does not exist; {repair}")
        return True
    try:
        kept = _parsed(file.read_text("utf-8"), kind)
    except ValueError as error:
        _say(f"wsauth: {file} is no {kind}: {error}; {repair}")
        return True
    if kept == written:
        return False
    _say(f"wsauth: {file} is out of date; {repair}")
    _show(_text(kept, kind), _text(written, kind), str(file))
    return True


def _parsed(text: str, kind: str) -> Any:
    if kind == "json":
        return json.loads(text)
    try:
        import yaml
    except ModuleNotFoundError:
        raise Failure('reading YAML needs PyYAML; write `pip install "wsauth[asyncapi]"`, or use JSON') from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _show(kept: str, written: str, file: str) -> None:
    lines = list(
        difflib.unified_diff(kept.splitlines(), written.splitlines(), file, "the application", lineterm="", n=2)
    )
    for line in lines[:_DIFFERENCES]:
        _say(line)
    if len(lines) > _DIFFERENCES:
        _say(f"… and {len(lines) - _DIFFERENCES} more lines")


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
