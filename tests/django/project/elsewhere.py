"""Run in a process of its own: a worker without sockets deletes the sessions of everybody. Prints when it was committed."""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from django.conf import settings

from project import settings as project


def main(directory: str) -> None:
    import django

    settings.configure(**project.options(directory, WSAUTH_POLICY="project.recorded.policy"))
    django.setup()
    from django.contrib.sessions.backends.db import SessionStore
    from django.contrib.sessions.models import Session

    for session in Session.objects.all():
        SessionStore(session.session_key).flush()
    print(time.time())  # noqa: T201


if __name__ == "__main__":
    main(str(Path(sys.argv[1]).parent))
