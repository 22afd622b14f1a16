"""ContextVars of the project whose values are of one request each, as their names or annotations say."""

from __future__ import annotations

import re
import sys
import sysconfig
from collections.abc import Iterator
from contextvars import ContextVar
from types import ModuleType
from typing import Any

from django.core.checks import Warning  # noqa: A004 - Django's name

from wsauth.core.bystanders import is_bystander
from wsauth.policy import Policy

_NAMED = re.compile(r"(?i)(^|_)(request|response|span|trace|transaction|scope|(request|trace|span|correlation)_id)$")
_ANNOTATED = re.compile(r"\b\w*(Request|Response|HTTPConnection|Span|Transaction|Scope)\b")
_INSTALLED = ("site-packages", "dist-packages", sysconfig.get_path("stdlib"))


def check_variables(path: str, policy: Policy) -> Iterator[Warning]:
    """Name those that the policy would keep for the life of each connection."""
    for module, name, variable in _variables():
        if variable not in policy.ignored and _is_of_a_request(module, name, variable):
            yield Warning(
                f"{module.__name__}.{name} seems to hold something of one request. Where it is set around a handshake,"
                f" {path} keeps it as long as the connection lives, and each look-up goes alone.",
                hint=f"Where it makes no difference to who somebody is, write context_ignores=[{name}] in the policy. Else"
                ' write SILENCED_SYSTEM_CHECKS = ["wsauth.W006"].',
                obj=path,
                id="wsauth.W006",
            )


def _variables() -> Iterator[tuple[ModuleType, str, ContextVar[Any]]]:
    """Return the ContextVars of the project's own modules that are imported, each once."""
    seen: set[ContextVar[Any]] = set()
    for module in list(sys.modules.values()):
        for name, value in list(vars(module).items()) if _is_the_projects(module) else ():
            if isinstance(value, ContextVar) and value not in seen:
                seen.add(value)
                yield module, name, value


def _is_the_projects(module: Any) -> bool:
    file = getattr(module, "__file__", None)
    is_wsauths = module.__name__.partition(".")[0] == "wsauth"
    return isinstance(file, str) and not is_wsauths and not any(place in file for place in _INSTALLED)


def _is_of_a_request(module: ModuleType, name: str, variable: ContextVar[Any]) -> bool:
    if is_bystander(variable, None):
        return False
    annotation = str(getattr(module, "__annotations__", {}).get(name, ""))
    return bool(_NAMED.search(name) or _NAMED.search(variable.name) or _ANNOTATED.search(annotation))
