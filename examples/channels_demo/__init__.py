"""The demo on Django Channels. Start with `auth.py` (who may connect), then `asgi.py` and `consumers.py`."""
