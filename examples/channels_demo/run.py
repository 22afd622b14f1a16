"""Start the Channels demo on uvicorn: `python examples/channels_demo/run.py [--port 8000]`."""

import os
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parent.parent)


def main() -> None:
    import uvicorn

    from shared import serving

    options = serving.arguments("Django Channels")
    serving.log_decisions()
    options.data.mkdir(parents=True, exist_ok=True)
    os.environ["WSAUTH_DEMO_DATA"] = str(options.data)
    os.environ["DJANGO_SETTINGS_MODULE"] = "channels_demo.settings"
    prepare_database()
    serving.announce("Django Channels (uvicorn)", options.port)
    uvicorn.run(
        "channels_demo.asgi:application", host=serving.HOST, port=options.port, log_level="warning", lifespan="off"
    )


def prepare_database() -> None:
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)
    call_command("seed")


if __name__ == "__main__":
    main()
