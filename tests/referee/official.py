"""The official JSON Schemas and the official parser of AsyncAPI, as referees of the documents that tests produce.

    referee = Referee()
    assert referee.complaints(document) == []

Both come from npm, at the versions in package-lock.json, and are installed when they are missing.
"""

from __future__ import annotations

import functools
import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema

HERE = Path(__file__).parent


def install() -> None:
    if not all((HERE / "node_modules" / name).is_dir() for name in ("@asyncapi/parser", "axe-core")):
        # No scripts: nothing of these packages needs them, and one of them reports its installation.
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=HERE, check=True, capture_output=True, timeout=300)


@functools.cache
def _schema(version: str) -> jsonschema.Draft7Validator:
    path = HERE / "node_modules" / "@asyncapi" / "specs" / "schemas" / f"{version}.json"
    checker = jsonschema.Draft7Validator.FORMAT_CHECKER
    return jsonschema.Draft7Validator(json.loads(path.read_text("utf-8")), format_checker=checker)


class Referee:
    """One Node process that judges every document of a session."""

    def __init__(self) -> None:
        install()
        self._node = subprocess.Popen(
            ["node", "validate.mjs"],
            cwd=HERE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def complaints(self, document: dict[str, Any]) -> list[str]:
        """Return what the schema, and then what the parser calls an error or a warning."""
        return [*self.schema(document), *self.parser(document)]

    def schema(self, document: dict[str, Any]) -> list[str]:
        found = _schema(document["asyncapi"]).iter_errors(document)
        return [f"schema: /{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}" for error in found]

    def parser(self, document: dict[str, Any]) -> list[str]:
        assert self._node.stdin is not None
        assert self._node.stdout is not None
        self._node.stdin.write(json.dumps(document) + "\n")
        self._node.stdin.flush()
        told = json.loads(self._node.stdout.readline())
        return [f"parser: /{one['path']}: {one['message']} ({one['code']})" for one in told if one["severity"] < 2]

    def close(self) -> None:
        assert self._node.stdin is not None
        assert self._node.stdout is not None
        self._node.stdin.close()
        self._node.wait(timeout=10)
        self._node.stdout.close()
