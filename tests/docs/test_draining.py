"""The page on servers lets connections go before uvicorn stops: its own code, in a real server that is told to stop."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

PAGE = Path(__file__).parents[2] / "docs" / "servers.md"
SITE = Path(__file__).parent / "site"


@pytest.mark.parametrize("framework", ["fastapi", "django"])
async def test_connections_are_told_to_come_back_before_uvicorn_stops(framework, tmp_path):
    """On SIGTERM a socket reads 4012 instead of uvicorn's 1012, and the process ends by itself."""
    program = tmp_path / "server.py"
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    text = "\n".join(blocks).replace("over: float = 30.0", "over: float = 0.2")
    assert "over: float = 0.2" in text
    program.write_text(text + SERVER.format(framework=framework))
    environment = {**os.environ, "PYTHONPATH": str(SITE), "DJANGO_SETTINGS_MODULE": "settings"}
    with subprocess.Popen([sys.executable, program], env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            port = int(process.stdout.readline())
            async with connect(f"ws://127.0.0.1:{port}/?name=alice") as socket:
                assert await socket.recv() == "hello"
                process.send_signal(signal.SIGTERM)
                with pytest.raises(ConnectionClosedError) as closed:
                    await socket.recv()
            assert closed.value.rcvd.code == 4012
            assert process.wait(timeout=60) in (0, -signal.SIGTERM)
        finally:
            process.kill()


SERVER = """
import socket
import uvicorn
from wsauth import WebSocketAuthMiddleware

async def hello(scope, receive, send):
    await receive()
    await send({{"type": "websocket.accept"}})
    await send({{"type": "websocket.send", "text": "hello"}})
    while (await receive())["type"] != "websocket.disconnect":
        pass

guarded = WebSocketAuthMiddleware(hello, policy)

async def served(scope, receive, send):
    if scope["type"] == "websocket":
        await guarded(scope, receive, send)
    elif "{framework}" == "django":
        await application(scope, receive, send)
    else:
        await app(scope, receive, send)

listening = socket.socket()
listening.bind(("127.0.0.1", 0))
listening.listen()
print(listening.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(served, log_level="critical")).run([listening])
"""
