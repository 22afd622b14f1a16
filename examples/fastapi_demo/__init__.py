"""The demo on FastAPI. Start with `auth.py` (who may connect), then `main.py` and `sockets.py`."""
