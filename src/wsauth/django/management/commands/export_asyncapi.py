"""`manage.py export_asyncapi`: the document as a file, for code generators, for CI, and beside the API's contracts."""

from __future__ import annotations

import difflib
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.module_loading import import_string

from wsauth.asyncapi import Server, lint, to_json, to_yaml
from wsauth.core.errors import ConfigurationError
from wsauth.django import templates
from wsauth.django.documents import describe
from wsauth.django.spectacular import LOCAL, SpectacularSettings

MAX_DIFFERENCE = 60  # lines


class Command(BaseCommand):  # type: ignore[misc]  # Django has no types
    """Writes the document of the running application, of single consumers, or of a template; or checks a file against it."""

    help = "Write the AsyncAPI document of the project's WebSockets, or check the one that is there."

    def add_arguments(self, parser: ArgumentParser) -> None:
        source = parser.add_mutually_exclusive_group()
        source.add_argument(
            "--consumer",
            action="append",
            dest="consumers",
            metavar="DOTTED.PATH[:/ws/path/]",
            help="a consumer class, with its address where the application does not say it; may be repeated."
            " Without any, the running application is described.",
        )
        source.add_argument(
            "--template",
            metavar="FILE",
            help="a document written by hand, with {{ WS_HOST }} and {{ WS_PROTOCOL }} to fill in",
        )
        target = parser.add_mutually_exclusive_group()
        target.add_argument(
            "--output", "-o", metavar="FILE", help="where to write; - is the standard output; default: asyncapi.yaml"
        )
        target.add_argument(
            "--check",
            nargs="?",
            const="",
            metavar="FILE",
            help="write nothing; fail if FILE differs or has mistakes; default: asyncapi.yaml",
        )
        parser.add_argument("--format", choices=["json", "yaml"], help="by default the one that the file's name says")
        parser.add_argument("--perspective", choices=["application", "client"], default="application")
        parser.add_argument("--host", help="of the server, with its port; by default from the settings")
        parser.add_argument("--protocol", choices=["ws", "wss"])

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            document = self._document(options)
            if options["check"] is not None:
                self._check(document, Path(options["check"] or _default(options["format"])))
            else:
                self._write(document, options["output"] or _default(options["format"]), options["format"])
        except ConfigurationError as error:
            raise CommandError(str(error)) from error

    def _document(self, options: dict[str, Any]) -> dict[str, Any]:
        settings = SpectacularSettings.read()
        host, protocol = (
            options["host"] or settings.ws_host or LOCAL,
            options["protocol"] or settings.ws_protocol or "ws",
        )
        if options["template"]:
            return templates.fill(Path(options["template"]), host, protocol)
        given = options["host"] or options["protocol"]
        servers = (Server("default", host, protocol),) if given else settings.servers_at(host, secure=protocol == "wss")
        consumers = [_consumer(text) for text in options["consumers"]] if options["consumers"] else None
        return describe(consumers, servers=servers, perspective=options["perspective"], warn=self._warn)

    def _warn(self, text: str) -> None:
        self.stderr.write(self.style.WARNING(f"warning: {text}"))

    def _write(self, document: dict[str, Any], name: str, kind: str | None) -> None:
        text = to_json(document) if (kind or _kind(name)) == "json" else to_yaml(document)
        if name == "-":
            self.stdout.write(text, ending="")
            return
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        self.stdout.write(self.style.SUCCESS(f"Written {path}"))

    def _check(self, document: dict[str, Any], path: Path) -> None:
        """Fail where the linter finds something, or the file says anything else than the document."""
        findings = [str(finding) for finding in lint(document)]
        if not path.exists():
            raise CommandError(f"{path} is not there; write `manage.py export_asyncapi --output {path}` and commit it")
        there = templates.parse(path.read_text("utf-8"), str(path))
        if there != document:
            lines = list(
                difflib.unified_diff(
                    to_json(there).splitlines(),
                    to_json(document).splitlines(),
                    str(path),
                    "the application",
                    lineterm="",
                )
            )
            findings += [f"{path} is not what the application does now; write it again, with --output {path}"]
            findings += lines[:MAX_DIFFERENCE] + (["…"] if len(lines) > MAX_DIFFERENCE else [])
        if findings:
            raise CommandError("\n".join(findings))
        self.stdout.write(self.style.SUCCESS(f"{path} is what the application does"))


def _default(kind: str | None) -> str:
    return f"asyncapi.{kind or 'yaml'}"


def _kind(name: str) -> str:
    return "json" if name.endswith(".json") else "yaml"


def _consumer(text: str) -> tuple[type, str | None]:
    dotted, _, path = text.partition(":")
    try:
        return import_string(dotted), path or None
    except ImportError as error:
        raise CommandError(f"--consumer {text}: it cannot be imported: {error}") from error
