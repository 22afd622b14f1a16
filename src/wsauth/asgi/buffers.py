"""What the running server lets a client make it buffer before anybody is known, as far as its command line tells."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import PurePath

LARGE = 1024 * 1024  # bytes
UVICORN = "--ws-max-size 65536 --ws-per-message-deflate false"


def unbounded(arguments: Sequence[str] | None = None) -> str | None:
    """Return what to write so that an unfinished first message stays small; None where it does, or nothing tells."""
    command, *words = (sys.argv if arguments is None else arguments) or [""]
    path = PurePath(command)
    if "uvicorn" not in (path.stem, path.parent.name):  # also `python -m uvicorn`
        return None
    if _value(words, "--ws-per-message-deflate").lower() in ("false", "0", "no", "off"):
        return None
    size = _value(words, "--ws-max-size")
    is_small = size.isascii() and size.isdigit() and int(size) <= LARGE
    return None if is_small and _value(words, "--ws") != "wsproto" else f"uvicorn {UVICORN}"


def _value(words: Sequence[str], option: str) -> str:
    """Return the last value of an option, as `--option value` or `--option=value`."""
    values = [after for word, after in pairwise(words) if word == option]
    return next((word.partition("=")[2] for word in words if word.startswith(f"{option}=")), (values or [""])[-1])
