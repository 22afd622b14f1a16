"""Start the FastAPI demo on uvicorn: `python examples/fastapi_demo/run.py [--port 8000]`."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parent.parent)


def main() -> None:
    import uvicorn

    from shared import serving

    options = serving.arguments("FastAPI")
    serving.log_decisions()
    serving.announce("FastAPI (uvicorn)", options.port)
    uvicorn.run("fastapi_demo.main:app", host=serving.HOST, port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
