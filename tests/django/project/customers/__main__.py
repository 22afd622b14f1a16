"""Run in a process of its own: what connections are told when these users change. Prints it as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from project import settings as project


def told_by(model: type) -> list[str]:
    from project.live import Live
    from wsauth import Connections

    user = model.objects.create(username=model.__name__)
    connections = Connections()
    socket = Live(connections, str(user.pk))
    user.save()
    user.delete()
    return sorted(set(socket.told))


if __name__ == "__main__":
    apps_of_bases = dict.fromkeys(("auth", "contenttypes", "sessions", "authtoken", "token_blacklist", "wsauth"))
    project.set_up("project.customers", MIGRATION_MODULES=apps_of_bases)  # an application without migrations needs that
    from project.customers.models import Courier, Customer

    print(json.dumps([told_by(Customer), told_by(Courier)]))  # noqa: T201
