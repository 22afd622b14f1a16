from __future__ import annotations

import subprocess
import sys

LIBRARIES = ("pydantic", "msgspec", "yaml", "django", "rest_framework", "starlette", "jsonschema")


def test_importing_the_room_loads_no_library():
    """A payload does, where it is one of theirs."""
    code = f"import sys, wsauth.asyncapi; print([name for name in {LIBRARIES!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
