"""Whether this process is one of several workers of its server, as far as one can see from inside."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence

_OPTION = re.compile(r"(--workers|-w)(?:=?(\d+))?")  # of uvicorn, hypercorn, gunicorn and granian
_VARIABLES = ("WEB_CONCURRENCY", "UVICORN_WORKERS", "GRANIAN_WORKERS")


def sign_of_several(arguments: Sequence[str] | None = None, environment: Mapping[str, str] | None = None) -> str | None:
    """Return what gives it away, such as "--workers 4"; None where nothing does."""
    variables = os.environ if environment is None else environment
    words = [*(sys.argv[1:] if arguments is None else arguments), *variables.get("GUNICORN_CMD_ARGS", "").split()]
    for word, after in zip(words, [*words[1:], ""], strict=False):
        if option := _OPTION.fullmatch(word):
            count = option[2] or after
            return f"{option[1]} {count}" if _is_several(count) else None
    return next((f"{name}={count}" for name in _VARIABLES if _is_several(count := variables.get(name, ""))), None)


def _is_several(count: str) -> bool:
    return count.isascii() and count.isdigit() and int(count) > 1
