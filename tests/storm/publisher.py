"""A process that revokes and reads nothing, as a command or a worker does: one line of JSON in, one out.

python -m storm.publisher <kind of log> <url of Redis>
"""

from __future__ import annotations

import json
import sys

from storm.node import log_of
from wsauth import Connections
from wsauth.revocation.log import RevocationNotRecorded


def main() -> None:
    kind, url = sys.argv[1:]
    connections = Connections(log=log_of(kind, url))
    for line in sys.stdin:
        try:
            answer = {"recorded": connections.revoke_now(**json.loads(line)).recorded}
        except RevocationNotRecorded as error:
            answer = {"raised": str(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
